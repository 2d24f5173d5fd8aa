package sequence

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// tracesInPieces forwards requests of at most so many bytes of spans, or of one span that is larger, one after the other.
// It takes the spans out of data, and ends with the first error.
func tracesInPieces(data ptrace.Traces, most int, forward func(ptrace.Traces) error) error {
	var sizer ptrace.ProtoMarshaler
	if sizer.TracesSize(data) <= most {
		return forward(data)
	}
	piece, size := ptrace.NewTraces(), 0
	for _, resource := range data.ResourceSpans().All() {
		var ofResource *ptrace.ResourceSpans // in the piece, as far as it is there
		for _, scope := range resource.ScopeSpans().All() {
			var ofScope *ptrace.ScopeSpans
			for _, span := range scope.Spans().All() {
				length := sizer.SpanSize(span)
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

// logsInPieces does the same for log records.
func logsInPieces(data plog.Logs, most int, forward func(plog.Logs) error) error {
	var sizer plog.ProtoMarshaler
	if sizer.LogsSize(data) <= most {
		return forward(data)
	}
	piece, size := plog.NewLogs(), 0
	for _, resource := range data.ResourceLogs().All() {
		var ofResource *plog.ResourceLogs
		for _, scope := range resource.ScopeLogs().All() {
			var ofScope *plog.ScopeLogs
			for _, record := range scope.LogRecords().All() {
				length := sizer.LogRecordSize(record)
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
