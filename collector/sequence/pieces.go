package sequence

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/pieces"
)

// tracesInPieces forwards requests of at most so many bytes of spans, or of one span that is larger, one after the other.
func tracesInPieces(data ptrace.Traces, most int, forward func(ptrace.Traces) error) error {
	var sizer ptrace.ProtoMarshaler
	if sizer.TracesSize(data) <= most {
		return forward(data)
	}
	return pieces.Traces(data, most, sizer.SpanSize, forward)
}

// logsInPieces does the same for log records.
func logsInPieces(data plog.Logs, most int, forward func(plog.Logs) error) error {
	var sizer plog.ProtoMarshaler
	if sizer.LogsSize(data) <= most {
		return forward(data)
	}
	return pieces.Logs(data, most, sizer.LogRecordSize, forward)
}
