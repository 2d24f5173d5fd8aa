package intake

import (
	"fmt"
	"strings"
)

// Limit is one row of the table in docs/reference/limits.md: what a hop accepts, and what happens to an item or request beyond it.
type Limit struct {
	Hop     string
	What    string
	Most    string // the largest accepted value
	Set     string // the setting
	Above   string // the action beyond it
	Because string // the reason: a limit of a later hop, or why it is never exceeded
}

// Limits are in the order in which data passes the hops.
var Limits = []Limit{
	{"SDK → gateway, HTTP", "a request, decompressed", "OTELGATE_MAX_MESSAGE_MIB, 16 MiB; at most a 28th of what OTELGATE_MEMORY_LIMIT_MIB has above 64: 2 MiB at 128, 6 MiB at 256", "`OTELGATE_MAX_MESSAGE_MIB`, `OTELGATE_MEMORY_LIMIT_MIB`", "413 with the setting's name; the sender splits it. Counted", "a batch in a queue, memory"},
	{"SDK → gateway, gRPC", "a request, decompressed", "the same", "the same", "RESOURCE_EXHAUSTED, `received message larger than max`; the sender splits it. Counted", "the same"},
	{"SDK → gateway", "items of a request", "the same, counted as at least 64 bytes for each span, event, link, log record, metric, point, resource and scope, and at least 16 for each attribute and list element; in JSON at least 64 for each object in a list", "the same", "the same, before anything is decoded", "memory: an empty item of two bytes takes hundreds"},
	{"SDK → gateway", "malformed OTLP: broken protobuf or JSON", "none", "OTLP", "400 or INVALID_ARGUMENT for the whole request", "nothing can be decoded"},
	{"SDK → gateway", "an id of a trace or span", "16 bytes, 8 bytes", "OTLP", "corrected/id: it is removed; a span without its own ids is refused (below), a log record is kept", "the receiver would refuse the request"},
	{"SDK → gateway, HTTP", "a null in JSON", "accepted", "protobuf's JSON mapping", "treated as a missing member", "the receiver would refuse the request"},
	{"gateway, `intake`", "a span", "1,000,000 bytes", "`OTELGATE_MAX_ITEM_BYTES`", "cut/size: media first, then the largest texts, then events, links and attributes", "3,000,000 bytes for a batch to a store, with room for the gateway's additions"},
	{"gateway, `intake`", "a log record", "1,000,000 bytes, or `OTELGATE_MAX_ITEM_BYTES` if that is less", "`OTELGATE_MAX_ITEM_BYTES`", "cut/size", "Loki's `max_line_size`"},
	{"gateway, `intake`", "fields of a log record, including those in maps", fmt.Sprint(maxLogLeaves), "fixed", "cut/attributes: the last ones; `otelgate.cut.attributes` has their number", "Loki's `max_structured_metadata_entries_count`"},
	{"gateway, `intake`", "attributes of a resource", fmt.Sprintf("%d fields, %d KiB", maxResourceLeaves, maxResourceBytes>>10), "fixed", "cut/size, cut/attributes", "the same; each batch contains them"},
	{"gateway, `intake`", "attributes of a scope", fmt.Sprintf("%d fields, %d KiB", maxScopeLeaves, maxScopeBytes>>10), "fixed", "cut/size, cut/attributes", "the same"},
	{"gateway, `intake`", "labels of a metric point", fmt.Sprintf("%d KiB", maxPointBytes>>10), "fixed", "refused/size: without some of its labels it would be another series", "3,000,000 bytes for a remote write"},
	{"gateway, `intake`", "a name, an id, a metric's label", fmt.Sprintf("%d bytes", maxName), "fixed", "cut/name: its beginning and a hash, so that different names stay different", "the audit sink's names, Loki's label values (2,048 bytes)"},
	{"gateway, `intake`", "an attribute's name", fmt.Sprintf("1 to %d bytes; for log records and metric points with an ASCII letter or digit", maxKey), "fixed", "corrected/key: replaced by a valid name; of two attributes with one name the last counts", "Loki and Prometheus refuse a request for an empty label"},
	{"gateway, `intake`", "text", "UTF-8 without NUL", "fixed", "corrected/text: invalid bytes become U+FFFD; in resources a question mark, since Loki refuses U+FFFD in a label", "PostgreSQL, Loki and Prometheus refuse it"},
	{"gateway, `intake`", "a number in an attribute", "finite", "fixed", "corrected/number: the attribute is removed", "JSON has no NaN; the audit sink rejects the record"},
	{"gateway, `intake`", "nesting", fmt.Sprintf("%d levels", maxDepth), "fixed", "cut/depth; in protobuf, levels beyond 128 are removed before decoding", "the audit sink's limit of 64"},
	{"gateway, `intake`", "a trace id, a span id of a span", "not all zeros", "OTLP", "refused/trace_id, refused/span_id", "Tempo refuses the whole batch"},
	{"gateway, `intake`", "a metric", "a name with a letter or digit, a temporality", "OTLP", "refused/metric_name, refused/metric_type", "Prometheus' translation drops it"},
	{"gateway, `intake`", "a metric's name", "without a key (20 letters and digits in a row, 6 of them digits) and without a match of a masking rule", "`OTELGATE_POLICY_FILE`", "refused/metric_secret: a masked name would merge several series into one", "no store gets secrets or personal data"},
	{"gateway, `intake`", "a value of a counter or histogram", "finite; counts that add up; at most 2^53", "OTLP", "refused/value", "Prometheus refuses the whole request for a native histogram that does not add up; a NaN never leaves a total"},
	{"gateway, `accumulate`", "senders and series of applications' counters and histograms", "100,000 senders, 50,000 series", "fixed", "points of new ones are dropped with the reason `limit` if the application is beyond its [share](#shares), and the response reports it; senders and series that were silent for 10 minutes are evicted first", "memory"},
	{"gateway, `derive`", "series of a derived metric", "2,000", "fixed", "new ones of an application beyond its [share](#shares) are added to one series with `otel.metric.overflow=\"true\"`", "memory; Prometheus' series"},
	{"gateway, `streams`", "streams of log lines in the last hour: combinations of service, namespace and environment", "2,000", "`max_streams` in a configuration of your own", "new ones of an application beyond its [share](#shares) get the service `_OTHER`; `otelgate.service.original` has the name. Counted", "Loki's memory"},
	{"gateway → stores", "an item that a store refuses permanently", "none is known with the stores of this stack", "the store's", "the item is isolated, recorded in `rejects.jsonl` and counted; the rest of its batch is stored ([details](../../collector/README.md#refusals-by-stores))", "the store's limit"},
	{"gateway, connections", "time for headers, including TLS; for a body; without a request; concurrent streams", "10 s; 60 s over HTTP; 60 s over HTTP, 10 minutes over gRPC; 128 per gRPC connection", "fixed", "the connection is closed; further streams wait", "memory"},
	{"gateway, connections", "from one address: gRPC connections, and concurrent HTTP requests; for IPv6 a /64 network counts as one address", "OTELGATE_MAX_CONNECTIONS_PER_ADDRESS, 1,000", "`OTELGATE_MAX_CONNECTIONS_PER_ADDRESS`", "gRPC: the connection is closed before its handshake, which the sender sees as UNAVAILABLE. HTTP: 503 with Retry-After, and the connection is closed. Counted with the reason `connections`; the sender retries", "memory and file descriptors"},
	{"gateway, gRPC", "headers of a request", "32 KiB", "fixed", "the request fails", "memory"},
	{"gateway, `derive`", "a label of a derived metric", "400 bytes", "fixed", "its beginning and a hash, so that different labels stay different", "memory; an agent's name has up to 100 characters"},
	{"gateway, `intake`", "a span's times", "from the year 2000 to 9 minutes in the future", "fixed", "corrected/time: shifted so that it ends at arrival, with the same duration; times in µs, ms or s are converted. `otelgate.time.original.start` and `.end` have the original times", "the audit sink accepts a day in the future, exemplars 10 minutes"},
	{"gateway, `intake`", "a span's duration", "0 to 31 days", "fixed", "corrected/duration: 0; also 0 if the end is missing", "latency metrics"},
	{"gateway, `intake`", "a log record's time", "from an hour less than OTELGATE_RETENTION_LOGS ago to 9 minutes in the future", "`OTELGATE_RETENTION_LOGS`", "corrected/time: replaced by the time of arrival; `otelgate.time.original` has the original time", "Loki's `reject_old_samples_max_age`, `creation_grace_period` (10 minutes)"},
	{"gateway, `intake`", "a metric point's time", "from 3 h 50 min ago to 9 minutes in the future", "fixed", "in the future, or missing: corrected/time, replaced by the time of arrival. Too old: a delta counts at arrival; a total or gauge is refused/old, since its next point replaces it", "Prometheus accepts `out_of_order_time_window` (4 h) and 10 minutes in the future; one point beyond fails the whole request"},
	{"gateway → stores", "a batch", "3,000,000 bytes", "`sending_queue.batch.max_size` in 60-export.yaml", "split between items; no item is that large", "limits of the receivers"},
	{"gateway → Tempo", "a request", "5,000 spans", "`max_items` in 60-export.yaml", "the rest of the batch follows in further requests", "Tempo's memory, which grows with the square of the number of traces in a request"},
	{"gateway → Loki", "a request", "10,000 records", "`max_items` in 60-export.yaml", "the rest of the batch follows in further requests", "Loki's memory, some hundred bytes for each record"},
	{"gateway → Prometheus", "a remote write", "3,000,000 bytes", "`max_batch_size_bytes`, the default", "split between series", "32 MiB at Prometheus"},
	{"Tempo, Jaeger", "a request", "16 MiB", "`max_recv_msg_size_mib` in tempo.yaml", "does not happen", "batches are smaller"},
	{"Tempo", "an attribute", "3,000,000 bytes", "`max_attribute_bytes` in tempo.yaml", "does not happen", "`intake`; no batch is larger"},
	{"Tempo", "a trace", "100,000,000 bytes", "`max_bytes_per_trace` in tempo.yaml", "Tempo drops further spans of the trace and counts them in `tempo_discarded_spans_total`", "the gateway handles spans, not whole traces"},
	{"Loki", "a line", "1 MiB", "`max_line_size`, `max_line_size_truncate` in loki.yaml", "does not happen", "`intake`, which measures a structured body as Loki's JSON"},
	{"Loki", "fields of a line", "1,024, together 2 MiB", "`max_structured_metadata_*` in loki.yaml", "does not happen", "`intake`: resource, scope and record together have fewer"},
	{"Loki", "streams: as above, for each hour of old lines", "no limit", "`max_global_streams_per_user` in loki.yaml", "does not happen", "at its default of 5,000 Loki would refuse new streams, and all logs would wait behind these"},
	{"Loki", "a label", "a name of 1,024 bytes, a value of 2,048", "Loki's defaults", "does not happen", "`intake`"},
	{"audit sink", "a request", "OTELGATE_MAX_MESSAGE_MIB, 16 MiB", "`OTELGATE_MAX_MESSAGE_MIB`", "does not happen", "batches are smaller"},
	{"audit sink", "connections, of all addresses", "OTELGATE_MAX_CONNECTIONS_PER_ADDRESS, 1,000", "`OTELGATE_MAX_CONNECTIONS_PER_ADDRESS`", "the connection is closed; the gateway retries", "file descriptors; a gateway has one or two"},
	{"audit sink", "an id or name", "512 bytes", "fixed", "does not happen", "`intake`"},
	{"audit sink", "a time", "from the year 2000 to a day in the future; not older than OTELGATE_RETENTION_AUDIT", "`OTELGATE_RETENTION_AUDIT`, `OTELGATE_RETENTION_EVENTS`", "a row in `content.rejects`, and in `audit verify`", "retention would delete an older record"},
	{"audit sink", "the copy of a rejected record", "64 KiB", "fixed", "the rest is dropped", "rejects are for diagnosis"},
}

// Markdown renders the table for docs/reference/limits.md.
func Markdown() string {
	var out strings.Builder
	out.WriteString("| hop | what | limit | setting | beyond it | because of |\n|---|---|---|---|---|---|\n")
	for _, l := range Limits {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", l.Hop, l.What, l.Most, l.Set, l.Above, l.Because)
	}
	return out.String()
}

// MarkdownReasons renders the counter's reasons for docs/reference/limits.md.
func MarkdownReasons() string {
	var out strings.Builder
	out.WriteString("| action | reason | fault |\n|---|---|---|\n")
	for _, each := range said {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", each.action, each.reason, each.text)
	}
	return out.String()
}
