package stores

import (
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/pieces"
	"otelgate/collector/rejects"
)

// signal is what the wrapper does with the data of one signal.
type signal[T any] struct {
	name string
	// counted and unit are its items as exporterhelper counts them.
	counted, unit string

	items func(T) int
	bytes func(T) int
	// halves takes a request of several items apart, and cut one into requests of at most so many bytes, or of one item.
	halves func(T) []T
	cut    func(data T, most int) []T
	// parts are requests of at most so many items.
	parts func(data T, most int) []T
	join  func([]T) T
	// describe is the line of a request's only item.
	describe func(T) rejects.Item
	encode   func(T) ([]byte, error)
	// failed is an error after which only this is sent again.
	failed func(error, T) error
}

func partsOfTraces(data ptrace.Traces, most int) (all []ptrace.Traces) {
	_ = pieces.Traces(data, most, func(ptrace.Span) int { return 1 }, collect(&all))
	return all
}

var ofTraces = signal[ptrace.Traces]{
	name:    "traces",
	counted: "spans", unit: "{span}",
	items: ptrace.Traces.SpanCount,
	bytes: (&ptrace.ProtoMarshaler{}).TracesSize,
	halves: func(data ptrace.Traces) []ptrace.Traces {
		return partsOfTraces(data, (data.SpanCount()+1)/2)
	},
	cut: func(data ptrace.Traces, most int) (all []ptrace.Traces) {
		_ = pieces.Traces(data, most, (&ptrace.ProtoMarshaler{}).SpanSize, collect(&all))
		return all
	},
	parts: partsOfTraces,
	join: func(all []ptrace.Traces) ptrace.Traces {
		for _, each := range all[1:] {
			each.ResourceSpans().MoveAndAppendTo(all[0].ResourceSpans())
		}
		return all[0]
	},
	describe: func(data ptrace.Traces) rejects.Item {
		for _, of := range data.ResourceSpans().All() {
			for _, scope := range of.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					return line(of.Resource(), span.TraceID(), span.SpanID())
				}
			}
		}
		return rejects.Item{}
	},
	encode: (&ptrace.ProtoMarshaler{}).MarshalTraces,
	failed: consumererror.NewTraces,
}

func partsOfLogs(data plog.Logs, most int) (all []plog.Logs) {
	_ = pieces.Logs(data, most, func(plog.LogRecord) int { return 1 }, collect(&all))
	return all
}

var ofLogs = signal[plog.Logs]{
	name:    "logs",
	counted: "log records", unit: "{record}",
	items: plog.Logs.LogRecordCount,
	bytes: (&plog.ProtoMarshaler{}).LogsSize,
	halves: func(data plog.Logs) []plog.Logs {
		return partsOfLogs(data, (data.LogRecordCount()+1)/2)
	},
	cut: func(data plog.Logs, most int) (all []plog.Logs) {
		_ = pieces.Logs(data, most, (&plog.ProtoMarshaler{}).LogRecordSize, collect(&all))
		return all
	},
	parts: partsOfLogs,
	join: func(all []plog.Logs) plog.Logs {
		for _, each := range all[1:] {
			each.ResourceLogs().MoveAndAppendTo(all[0].ResourceLogs())
		}
		return all[0]
	},
	describe: func(data plog.Logs) rejects.Item {
		for _, of := range data.ResourceLogs().All() {
			for _, scope := range of.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					return line(of.Resource(), record.TraceID(), record.SpanID())
				}
			}
		}
		return rejects.Item{}
	},
	encode: (&plog.ProtoMarshaler{}).MarshalLogs,
	failed: consumererror.NewLogs,
}

var ofMetrics = signal[pmetric.Metrics]{
	name:  "metrics",
	items: pmetric.Metrics.DataPointCount,
	bytes: (&pmetric.ProtoMarshaler{}).MetricsSize,
	halves: func(data pmetric.Metrics) []pmetric.Metrics {
		first, last := pieces.Halves(data)
		return []pmetric.Metrics{first, last}
	},
	join: func(all []pmetric.Metrics) pmetric.Metrics {
		for _, each := range all[1:] {
			each.ResourceMetrics().MoveAndAppendTo(all[0].ResourceMetrics())
		}
		return all[0]
	},
	describe: func(data pmetric.Metrics) rejects.Item {
		return line(data.ResourceMetrics().At(0).Resource(), pcommon.TraceID{}, pcommon.SpanID{})
	},
	encode: (&pmetric.ProtoMarshaler{}).MarshalMetrics,
	failed: consumererror.NewMetrics,
}

func collect[T any](into *[]T) func(T) error {
	return func(piece T) error {
		*into = append(*into, piece)
		return nil
	}
}

// line has all that may be said of an item.
func line(of pcommon.Resource, trace pcommon.TraceID, span pcommon.SpanID) rejects.Item {
	text := func(name string) string {
		if value, ok := of.Attributes().Get(name); ok {
			return value.AsString()
		}
		return ""
	}
	item := rejects.Item{Application: text("otelgate.application"), Service: text("service.name")}
	if !trace.IsEmpty() {
		item.TraceID = trace.String()
	}
	if !span.IsEmpty() {
		item.SpanID = span.String()
	}
	return item
}
