package prometheusremotewrite

import (
	"strings"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// queueMeters have what tells of the queue alone.
type queueMeters struct{ metric.MeterProvider }

// Meter is part of metric.MeterProvider.
func (m queueMeters) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return queueMeter{m.MeterProvider.Meter(name, options...)}
}

type queueMeter struct{ metric.Meter }

// Int64Counter counts what could not be queued, and not what was sent or failed.
func (m queueMeter) Int64Counter(name string, options ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	if strings.Contains(name, "_sent_") || strings.Contains(name, "_send_failed_") {
		return noop.Int64Counter{}, nil
	}
	return m.Meter.Int64Counter(name, options...)
}

// Int64UpDownCounter is that of requests in flight.
func (m queueMeter) Int64UpDownCounter(string, ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	return noop.Int64UpDownCounter{}, nil
}
