package genai

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scopeName = "otelgate/collector/genai"

// metrics are the processor's own, among the Collector's.
type metrics struct {
	evictions, duplicates metric.Int64Counter
	agents, cancelled     metric.Int64Counter
	full, expired         metric.MeasurementOption
	own, index, none      metric.MeasurementOption
	refused               *refusedMetric
	size                  atomic.Int64
	registration          metric.Registration
}

func newMetrics(settings component.TelemetrySettings) (*metrics, error) {
	m := &metrics{
		full: attrOption("reason", "full"), expired: attrOption("reason", "expired"),
		own: attrOption("source", "own"), index: attrOption("source", "index"), none: attrOption("source", "none"),
	}
	meter := settings.MeterProvider.Meter(scopeName)
	var faults [7]error
	m.evictions, faults[0] = meter.Int64Counter("otelgate.genai.index.evictions", metric.WithUnit("{span}"),
		metric.WithDescription("Spans that the index evicted because it was full or they expired. While `full` grows, agents may be missed and calls counted twice: raise index::max_spans."))
	m.duplicates, faults[1] = meter.Int64Counter("otelgate.genai.duplicates", metric.WithUnit("{span}"),
		metric.WithDescription("Spans marked as duplicates of a model call, or an agent's run, that another span counts."))
	m.agents, faults[2] = meter.Int64Counter("otelgate.genai.agents", metric.WithUnit("{span}"),
		metric.WithDescription("Spans by the source of their agent's name: own (the span or its baggage), index (an ancestor), none (a model call, tool or retrieval without one)."))
	size, err := meter.Int64ObservableGauge("otelgate.genai.index.size", metric.WithUnit("{span}"),
		metric.WithDescription("Spans that the index remembers."))
	faults[3] = err
	m.registration, faults[4] = meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		observer.ObserveInt64(size, m.size.Load())
		return nil
	}, size)
	m.cancelled, faults[6] = meter.Int64Counter("otelgate.genai.cancelled", metric.WithUnit("{span}"),
		metric.WithDescription("Spans that failed only because their caller cancelled them (a closed page, a cancelled task). They do not count as errors."))
	m.refused, faults[5] = newRefusedMetric(settings)
	return m, errors.Join(faults[:]...)
}

func attrOption(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

func (m *metrics) add(ctx context.Context, t *tally) {
	m.size.Store(t.size)
	addTo(ctx, m.evictions, t.evicted.full, m.full)
	addTo(ctx, m.evictions, t.evicted.expired, m.expired)
	addTo(ctx, m.agents, t.ownAgent, m.own)
	addTo(ctx, m.agents, t.foundAgent, m.index)
	addTo(ctx, m.agents, t.noAgent, m.none)
	m.refused.add(ctx, &t.refused)
	if t.cancelled > 0 {
		m.cancelled.Add(ctx, t.cancelled)
	}
	if t.duplicates > 0 {
		m.duplicates.Add(ctx, t.duplicates)
	}
}

func addTo(ctx context.Context, counter metric.Int64Counter, n int64, option metric.MeasurementOption) {
	if n > 0 {
		counter.Add(ctx, n, option)
	}
}

func (m *metrics) shutdown() {
	if m.registration != nil {
		_ = m.registration.Unregister()
	}
}
