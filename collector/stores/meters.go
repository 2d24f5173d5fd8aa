package stores

import (
	"strings"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"go.opentelemetry.io/collector/component"
)

// An exporter inside an exporter would count all items twice: the inner one counts what was sent, the outer one, which
// tries again, what failed, and what is on its way.

// Inner are the settings of the exporter that sends.
func Inner(set component.TelemetrySettings) component.TelemetrySettings {
	set.MeterProvider = meters{set.MeterProvider, []string{"_send_failed_"}, true}
	set.Logger = set.Logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return withoutFailures{core} }))
	return set
}

// Outer are those of the exporter with the queue.
func Outer(set component.TelemetrySettings) component.TelemetrySettings {
	set.MeterProvider = meters{set.MeterProvider, []string{"_sent_"}, false}
	return set
}

// second are those of the second queue: a batch for which it has no room stays in the first, and is refused to no sender.
func second(set component.TelemetrySettings) component.TelemetrySettings {
	set.MeterProvider = meters{set.MeterProvider, []string{"_sent_", "_enqueue_failed_"}, false}
	return set
}

// notQueued is exporterhelper's own counter of items that the first queue refuses.
func notQueued(set component.TelemetrySettings, items, unit string) (metric.Int64Counter, error) {
	return set.MeterProvider.Meter("go.opentelemetry.io/collector/exporter/exporterhelper").Int64Counter(
		"otelcol_exporter_enqueue_failed_"+strings.ReplaceAll(items, " ", "_"), metric.WithUnit(unit),
		metric.WithDescription("Number of "+items+" failed to be added to the sending queue. [Alpha]"))
}

type meters struct {
	metric.MeterProvider
	without []string // counters whose names hold one of these
	inner   bool
}

// Meter is part of metric.MeterProvider.
func (m meters) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return meter{m.MeterProvider.Meter(name, options...), m}
}

type meter struct {
	metric.Meter
	of meters
}

// Int64Counter is that of items.
func (m meter) Int64Counter(name string, options ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	for _, each := range m.of.without {
		if strings.Contains(name, each) {
			return noop.Int64Counter{}, nil
		}
	}
	return m.Meter.Int64Counter(name, options...)
}

// Int64UpDownCounter is that of requests on their way.
func (m meter) Int64UpDownCounter(name string, options ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	if m.of.inner && strings.Contains(name, "_in_flight_") {
		return noop.Int64UpDownCounter{}, nil
	}
	return m.Meter.Int64UpDownCounter(name, options...)
}

// withoutFailures leaves out what exporterhelper says of each request that fails: that it is lost, which it is not.
type withoutFailures struct{ zapcore.Core }

func (c withoutFailures) With(fields []zapcore.Field) zapcore.Core {
	return withoutFailures{c.Core.With(fields)}
}

func (c withoutFailures) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if strings.HasPrefix(entry.Message, "Exporting failed. Rejecting data.") {
		return checked
	}
	return c.Core.Check(entry, checked)
}
