package genai

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/genai/internal/metadata"
)

// metrics are the processor's own, among the Collector's.
type metrics struct {
	*metadata.TelemetryBuilder
	full, expired    metric.MeasurementOption
	own, index, none metric.MeasurementOption
	refused          *refusedMetric
	size             atomic.Int64
}

func newMetrics(settings component.TelemetrySettings) (*metrics, error) {
	builder, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return nil, err
	}
	m := &metrics{
		TelemetryBuilder: builder, refused: newRefusedMetric(builder),
		full: attrOption("reason", "full"), expired: attrOption("reason", "expired"),
		own: attrOption("source", "own"), index: attrOption("source", "index"), none: attrOption("source", "none"),
	}
	return m, builder.RegisterIndexSizeCallback(func(_ context.Context, observer metric.Int64Observer) error {
		observer.Observe(m.size.Load())
		return nil
	})
}

func attrOption(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

func (m *metrics) add(ctx context.Context, t *tally) {
	m.size.Store(t.size)
	addTo(ctx, m.IndexEvictions, t.evicted.full, m.full)
	addTo(ctx, m.IndexEvictions, t.evicted.expired, m.expired)
	addTo(ctx, m.Agents, t.ownAgent, m.own)
	addTo(ctx, m.Agents, t.foundAgent, m.index)
	addTo(ctx, m.Agents, t.noAgent, m.none)
	m.refused.add(ctx, &t.refused)
	if t.cancelled > 0 {
		m.Cancelled.Add(ctx, t.cancelled)
	}
	if t.duplicates > 0 {
		m.Duplicates.Add(ctx, t.duplicates)
	}
}

func addTo(ctx context.Context, counter metric.Int64Counter, n int64, option metric.MeasurementOption) {
	if n > 0 {
		counter.Add(ctx, n, option)
	}
}
