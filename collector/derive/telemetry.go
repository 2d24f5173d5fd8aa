package derive

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"

	"otelgate/collector/derive/internal/metadata"
)

// observe registers the connector's own metrics. They are read off its counters when the gateway's own metrics are
// collected: a span pays for none of it.
func (c *connector) observe(settings component.TelemetrySettings, signal string) (*metadata.TelemetryBuilder, error) {
	t, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return nil, err
	}
	faults := []error{
		t.RegisterSeriesCallback(c.eachMetric(func(m *metric) int64 { return m.series.Live() })),
		t.RegisterOverflowCallback(c.eachMetric(func(m *metric) int64 { return m.series.overflowed.Load() })),
		t.RegisterExpiredCallback(c.eachMetric(func(m *metric) int64 { return m.series.expired.Load() })),
		t.RegisterInvalidCallback(c.eachMetric(func(m *metric) int64 { return m.series.invalid.Load() })),
		t.RegisterResentCallback(ofSignal(signal, &c.again)),
		t.RegisterResentEvictedCallback(ofSignal(signal, &c.resent.Evicted)),
		t.RegisterFlushErrorsCallback(ofSignal(signal, &c.flushErrors)),
		t.RegisterJournalRefusedCallback(ofSignal(signal, &c.refused)),
		t.RegisterJournalDroppedCallback(ofSignal(signal, &c.unfit)),
	}
	if c.journal != nil {
		faults = append(faults, t.RegisterJournalDamagedCallback(ofSignal(signal, &c.journal.damaged)))
	}
	return t, errors.Join(faults...)
}

func (c *connector) eachMetric(read func(*metric) int64) otelmetric.Int64Callback {
	return func(_ context.Context, o otelmetric.Int64Observer) error {
		for _, m := range c.plan.metrics {
			o.Observe(read(m), otelmetric.WithAttributes(attribute.String("otelgate.derive.metric", m.name)))
		}
		return nil
	}
}

func ofSignal(signal string, count *atomic.Int64) otelmetric.Int64Callback {
	return func(_ context.Context, o otelmetric.Int64Observer) error {
		o.Observe(count.Load(), otelmetric.WithAttributes(attribute.String("otelgate.derive.signal", signal)))
		return nil
	}
}
