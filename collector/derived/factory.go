package derived

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"otelgate/collector/derived/internal/metadata"
)

// NewFactory makes the processor `derived`, for metrics. It has no settings and changes nothing.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		func() component.Config { return &struct{}{} },
		processor.WithMetrics(func(ctx context.Context, set processor.Settings, cfg component.Config,
			next consumer.Metrics,
		) (processor.Metrics, error) {
			return processorhelper.NewMetrics(ctx, set, cfg, next, Process.note)
		}, metadata.MetricsStability),
	)
}

func (r *Registry) note(_ context.Context, metrics pmetric.Metrics) (pmetric.Metrics, error) {
	now := time.Now()
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				r.noteMetric(metric, now)
			}
		}
	}
	return metrics, nil
}

// noteMetric: derived metrics are counters and histograms.
func (r *Registry) noteMetric(metric pmetric.Metric, now time.Time) {
	note := func(labels pcommon.Map) {
		r.Note(metric.Name(), Label(labels, "service.name"), Label(labels, "deployment.environment.name"), now)
	}
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		for _, point := range metric.Sum().DataPoints().All() {
			note(point.Attributes())
		}
	case pmetric.MetricTypeHistogram:
		for _, point := range metric.Histogram().DataPoints().All() {
			note(point.Attributes())
		}
	}
}

// Label is a label's text, or nothing.
func Label(labels pcommon.Map, name string) string {
	value, ok := labels.Get(name)
	if !ok {
		return ""
	}
	return value.AsString()
}
