package answers

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

type response interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// partial is OTLP's partial success for a method of gRPC or a path of HTTP, or nothing for any other.
func partial(called string, items int64, why string, asJSON bool) []byte {
	var said response
	switch {
	case strings.HasSuffix(called, "/v1/traces"), strings.HasSuffix(called, ".TraceService/Export"):
		r := ptraceotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedSpans(items)
		r.PartialSuccess().SetErrorMessage(why)
		said = r
	case strings.HasSuffix(called, "/v1/logs"), strings.HasSuffix(called, ".LogsService/Export"):
		r := plogotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedLogRecords(items)
		r.PartialSuccess().SetErrorMessage(why)
		said = r
	case strings.HasSuffix(called, "/v1/metrics"), strings.HasSuffix(called, ".MetricsService/Export"):
		r := pmetricotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedDataPoints(items)
		r.PartialSuccess().SetErrorMessage(why)
		said = r
	default:
		return nil
	}
	marshal := said.MarshalProto
	if asJSON {
		marshal = said.MarshalJSON
	}
	bytes, err := marshal()
	if err != nil {
		return nil
	}
	return bytes
}
