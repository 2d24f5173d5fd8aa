// Package pieces cuts requests between their items: `sequence` by bytes, so that no step behind it gets a large one, and
// `stores` by items, to find the one that a store refuses.
package pieces

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Traces forwards requests of spans that together measure at most so much, or of one span that measures more, one after
// the other. It takes the spans out of data, and ends with the first error.
func Traces(data ptrace.Traces, most int, measure func(ptrace.Span) int, forward func(ptrace.Traces) error) error {
	piece, size := ptrace.NewTraces(), 0
	for _, resource := range data.ResourceSpans().All() {
		var ofResource *ptrace.ResourceSpans // in the piece, as far as it is there
		for _, scope := range resource.ScopeSpans().All() {
			var ofScope *ptrace.ScopeSpans
			for _, span := range scope.Spans().All() {
				length := measure(span)
				if size > 0 && size+length > most {
					if err := forward(piece); err != nil {
						return err
					}
					piece, size, ofResource, ofScope = ptrace.NewTraces(), 0, nil, nil
				}
				if ofResource == nil {
					made := piece.ResourceSpans().AppendEmpty()
					resource.Resource().CopyTo(made.Resource())
					made.SetSchemaUrl(resource.SchemaUrl())
					ofResource = &made
				}
				if ofScope == nil {
					made := ofResource.ScopeSpans().AppendEmpty()
					scope.Scope().CopyTo(made.Scope())
					made.SetSchemaUrl(scope.SchemaUrl())
					ofScope = &made
				}
				span.MoveTo(ofScope.Spans().AppendEmpty())
				size += length
			}
		}
	}
	return forward(piece)
}

// Logs does the same for log records.
func Logs(data plog.Logs, most int, measure func(plog.LogRecord) int, forward func(plog.Logs) error) error {
	piece, size := plog.NewLogs(), 0
	for _, resource := range data.ResourceLogs().All() {
		var ofResource *plog.ResourceLogs
		for _, scope := range resource.ScopeLogs().All() {
			var ofScope *plog.ScopeLogs
			for _, record := range scope.LogRecords().All() {
				length := measure(record)
				if size > 0 && size+length > most {
					if err := forward(piece); err != nil {
						return err
					}
					piece, size, ofResource, ofScope = plog.NewLogs(), 0, nil, nil
				}
				if ofResource == nil {
					made := piece.ResourceLogs().AppendEmpty()
					resource.Resource().CopyTo(made.Resource())
					made.SetSchemaUrl(resource.SchemaUrl())
					ofResource = &made
				}
				if ofScope == nil {
					made := ofResource.ScopeLogs().AppendEmpty()
					scope.Scope().CopyTo(made.Scope())
					made.SetSchemaUrl(scope.SchemaUrl())
					ofScope = &made
				}
				record.MoveTo(ofScope.LogRecords().AppendEmpty())
				size += length
			}
		}
	}
	return forward(piece)
}

// Halves are two requests with the first and the last half of the points, and all else as it was. They are copies.
func Halves(data pmetric.Metrics) (first, last pmetric.Metrics) {
	half := (data.DataPointCount() + 1) / 2
	return without(data, func(number int) bool { return number >= half }), without(data, func(number int) bool { return number < half })
}

// without is a copy that leaves points out, by their number.
func without(data pmetric.Metrics, leave func(number int) bool) pmetric.Metrics {
	left, number := pmetric.NewMetrics(), -1
	data.CopyTo(left)
	next := func() bool { number++; return leave(number) }
	left.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool { return removePoints(metric, next) == 0 })
			return scope.Metrics().Len() == 0
		})
		return resource.ScopeMetrics().Len() == 0
	})
	return left
}

// removePoints takes points out of a metric, and returns how many are left.
func removePoints(metric pmetric.Metric, leave func() bool) int {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		return remove(metric.Gauge().DataPoints(), leave)
	case pmetric.MetricTypeSum:
		return remove(metric.Sum().DataPoints(), leave)
	case pmetric.MetricTypeHistogram:
		return remove(metric.Histogram().DataPoints(), leave)
	case pmetric.MetricTypeExponentialHistogram:
		return remove(metric.ExponentialHistogram().DataPoints(), leave)
	case pmetric.MetricTypeSummary:
		return remove(metric.Summary().DataPoints(), leave)
	}
	return 0
}

func remove[P any](points interface {
	RemoveIf(func(P) bool)
	Len() int
}, leave func() bool,
) int {
	points.RemoveIf(func(P) bool { return leave() })
	return points.Len()
}
