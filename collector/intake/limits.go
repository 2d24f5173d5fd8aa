package intake

import (
	"fmt"
	"strings"
)

// Limit is one row of the table in docs/reference/limits.md: what a hop takes, and what becomes of an item or a request that is
// below it, at it, and above it.
type Limit struct {
	Hop     string
	What    string
	Most    string // what is still taken
	Set     string // where
	Above   string // what happens beyond
	Because string // the limit behind that it keeps to, or why nothing arrives there
}

// Limits are in the order in which data meets them.
var Limits = []Limit{
	{"SDK → gateway, HTTP", "a request, decompressed", "OTELGATE_MAX_MESSAGE_MIB, 16 MiB; at most a 28th of what OTELGATE_MEMORY_LIMIT_MIB has above 64: 2 MiB at 128, 6 MiB at 256", "`OTELGATE_MAX_MESSAGE_MIB`, `OTELGATE_MEMORY_LIMIT_MIB`", "413 with the setting's name; the sender splits it. Counted", "a batch in a queue, memory"},
	{"SDK → gateway, gRPC", "a request, decompressed", "the same", "the same", "RESOURCE_EXHAUSTED, `received message larger than max`; the sender splits it. Counted", "the same"},
	{"SDK → gateway", "items of a request", "each span, event, link, log record, metric, point, resource and scope counts as 64 bytes or more, each attribute and value of a list as 16 or more; in JSON each object in a list as 64 or more; all together at most the same", "the same", "the same, before anything is decoded", "memory: two bytes of an empty item take hundreds"},
	{"SDK → gateway", "what is no OTLP: broken protobuf or JSON", "none of it", "OTLP", "400, or INVALID_ARGUMENT: the whole request, since nothing in it can be trusted", "nothing can be decoded"},
	{"SDK → gateway", "an id of a trace or span", "16 bytes, 8 bytes", "OTLP", "corrected/id: it is left out; a span without its own ids is refused (below), a log record stays", "the receiver would refuse the request"},
	{"SDK → gateway, HTTP", "a member of JSON that is null", "taken", "protobuf's JSON", "it means its default, as one that is not there", "the receiver would refuse the request"},
	{"gateway, `intake`", "a span", "1,000,000 bytes", "`OTELGATE_MAX_ITEM_BYTES`", "cut/size: media first, then the largest texts, then events, links and attributes", "3,000,000 bytes of a batch to a store, with room for what the gateway adds"},
	{"gateway, `intake`", "a log record", "1,000,000 bytes, or less by `OTELGATE_MAX_ITEM_BYTES`", "`OTELGATE_MAX_ITEM_BYTES`", "cut/size", "Loki's `max_line_size`"},
	{"gateway, `intake`", "fields of a log record, those in maps included", fmt.Sprint(maxLogLeaves), "fixed", "cut/attributes: the last ones; `otelgate.cut.attributes` says how many", "Loki's `max_structured_metadata_entries_count`"},
	{"gateway, `intake`", "attributes of a resource", fmt.Sprintf("%d fields, %d KiB", maxResourceLeaves, maxResourceBytes>>10), "fixed", "cut/size, cut/attributes", "the same; they are in each batch"},
	{"gateway, `intake`", "attributes of a scope", fmt.Sprintf("%d fields, %d KiB", maxScopeLeaves, maxScopeBytes>>10), "fixed", "cut/size, cut/attributes", "the same"},
	{"gateway, `intake`", "labels of a metric point", fmt.Sprintf("%d KiB", maxPointBytes>>10), "fixed", "refused/size: without some of its labels it would be another series", "3,000,000 bytes of a remote write"},
	{"gateway, `intake`", "a name, an id, a metric's label", fmt.Sprintf("%d bytes", maxName), "fixed", "cut/name: its beginning and a hash, so that what was different stays different", "the audit sink's names, Loki's label values (2,048 bytes)"},
	{"gateway, `intake`", "an attribute's name", fmt.Sprintf("1 to %d bytes; of log records and metric points, with a letter or digit of ASCII", maxKey), "fixed", "corrected/key: a name that is possible; of two with one name the last counts", "Loki and Prometheus refuse a request for an empty label"},
	{"gateway, `intake`", "text", "UTF-8 without NUL", "fixed", "corrected/text: U+FFFD in its place; in resources a question mark, since Loki refuses U+FFFD in a label", "PostgreSQL, Loki and Prometheus refuse it"},
	{"gateway, `intake`", "a number in an attribute", "finite", "fixed", "corrected/number: the attribute goes", "JSON has no NaN; the audit sink rejects the record"},
	{"gateway, `intake`", "nesting", fmt.Sprintf("%d levels", maxDepth), "fixed", "cut/depth; in protobuf, what is deeper than 128 levels is left out before it is decoded", "the audit sink's 64"},
	{"gateway, `intake`", "a trace id, a span id of a span", "not all zeros", "OTLP", "refused/trace_id, refused/span_id", "Tempo refuses the whole batch"},
	{"gateway, `intake`", "a metric", "a name with a letter or digit, a temporality", "OTLP", "refused/metric_name, refused/metric_type", "Prometheus' translation drops it"},
	{"gateway, `intake`", "a metric's name", "any words; without a key (20 letters and digits in a run, 6 of them digits) and what a masking rule finds", "`OTELGATE_POLICY_FILE`", "refused/metric_secret: a part of the name would make one series of several", "no store gets secrets or personal data"},
	{"gateway, `intake`", "a value of a counter or histogram", "finite; counts that add up; at most 2^53", "OTLP", "refused/value", "Prometheus refuses the whole request for a native histogram that does not add up; NaN stays in a total for ever"},
	{"gateway, `accumulate`", "senders and series of applications' counters and histograms", "100,000 senders, 50,000 series", "fixed", "those of an application beyond its [share](#shares): their points are dropped with the reason limit, and their senders told, unless some were not heard of for 10 minutes: those make room", "memory"},
	{"gateway, `derive`", "series of a derived metric", "2,000", "fixed", "those of an application beyond its [share](#shares) add to one series with `otel.metric.overflow=\"true\"`", "memory; Prometheus' series"},
	{"gateway, `streams`", "streams of log lines: services, namespaces and environments together, of the last hour", "2,000", "`max_streams` in a configuration of your own", "those of an application beyond its [share](#shares) become the service `_OTHER`; `otelgate.service.original` has the name. Counted", "memory of Loki"},
	{"gateway → stores", "what a store refuses for good", "none is known with the stores of this stack", "the store's", "the item stands alone, goes to `rejects.jsonl`, and is counted; its batch is stored ([how](../../collector/README.md#refusals-by-stores))", "the store's limit"},
	{"gateway, connections", "headers of a request, TLS included; a request's body; time without a request; streams at once", "10 s; 60 s over HTTP; 60 s over HTTP, 10 minutes over gRPC; 128 a connection over gRPC", "fixed", "the connection is closed; further streams wait", "memory"},
	{"gateway, connections", "of one address: connections over gRPC, and requests at once over HTTP; of IPv6 a network of 64 bits is an address", "OTELGATE_MAX_CONNECTIONS_PER_ADDRESS, 1,000", "`OTELGATE_MAX_CONNECTIONS_PER_ADDRESS`", "gRPC: the connection is closed before its handshake, which is UNAVAILABLE at its sender. HTTP: 503 with Retry-After, and the connection is closed. Counted with the reason `connections`; the sender tries again", "memory and file descriptors"},
	{"gateway, gRPC", "headers of a request", "32 KiB", "fixed", "the request fails at its sender", "memory"},
	{"gateway, `derive`", "a label of a derived metric", "400 bytes", "fixed", "its beginning and a hash, so that what was different stays different", "memory; the name of an agent has up to 100 characters"},
	{"gateway, `intake`", "a span's times", "from 2000 to 9 minutes ahead", "fixed", "corrected/time: shifted so that it ends at arrival, with its duration; times in µs, ms or s are converted. `otelgate.time.original.start` and `.end` have what was sent", "the audit sink takes a day ahead, exemplars 10 minutes"},
	{"gateway, `intake`", "a span's duration", "0 to 31 days", "fixed", "corrected/duration: 0. It is 0, too, where an end is missing", "latency metrics"},
	{"gateway, `intake`", "a log record's time", "from OTELGATE_RETENTION_LOGS less an hour ago to 9 minutes ahead", "`OTELGATE_RETENTION_LOGS`", "corrected/time: that of arrival; `otelgate.time.original` has what was sent", "Loki's `reject_old_samples_max_age`, `creation_grace_period` (10 minutes)"},
	{"gateway, `intake`", "a metric point's time", "from 3 h 50 min ago to 9 minutes ahead", "fixed", "ahead, or none: corrected/time, that of arrival. Old: an increment (delta) counts at arrival; of a total or gauge refused/old, since its next point has it", "Prometheus' `out_of_order_time_window` (4 h) and 10 minutes ahead: one such point costs the whole request"},
	{"gateway → stores", "a batch", "3,000,000 bytes", "`sending_queue.batch.max_size` in 60-export.yaml", "split between items; no item is that large", "what receivers take"},
	{"gateway → Tempo", "a request", "5,000 spans", "`max_items` in 60-export.yaml", "the rest of the batch follows in further ones", "memory of Tempo, which grows with the square of the traces in a request"},
	{"gateway → Loki", "a request", "10,000 records", "`max_items` in 60-export.yaml", "the rest of the batch follows in further ones", "memory of Loki, some hundred bytes for each record"},
	{"gateway → Prometheus", "a remote write", "3,000,000 bytes", "`max_batch_size_bytes`, the default", "split between series", "32 MiB at Prometheus"},
	{"Tempo, Jaeger", "a request", "16 MiB", "`max_recv_msg_size_mib` in tempo.yaml", "does not happen", "batches are smaller"},
	{"Tempo", "an attribute", "3,000,000 bytes", "`max_attribute_bytes` in tempo.yaml", "does not happen", "`intake`; a batch is not larger"},
	{"Tempo", "a trace", "100,000,000 bytes", "`max_bytes_per_trace` in tempo.yaml", "Tempo drops its further spans, and counts them: `tempo_discarded_spans_total`", "the gateway keeps no traces"},
	{"Loki", "a line", "1 MiB", "`max_line_size`, `max_line_size_truncate` in loki.yaml", "does not happen", "`intake`, which measures a structured body as the JSON that Loki makes of it"},
	{"Loki", "fields of a line", "1,024, together 2 MiB", "`max_structured_metadata_*` in loki.yaml", "does not happen", "`intake`: resource, scope and record together stay below"},
	{"Loki", "streams: those above, for each hour of old lines", "no limit", "`max_global_streams_per_user` in loki.yaml", "does not happen", "Loki's default, 5,000, refuses new streams for as long as it is met, and all logs would wait behind them"},
	{"Loki", "a label", "a name of 1,024 bytes, a value of 2,048", "Loki's defaults", "does not happen", "`intake`"},
	{"audit sink", "a request", "OTELGATE_MAX_MESSAGE_MIB, 16 MiB", "`OTELGATE_MAX_MESSAGE_MIB`", "does not happen", "batches are smaller"},
	{"audit sink", "connections, of all addresses", "OTELGATE_MAX_CONNECTIONS_PER_ADDRESS, 1,000", "`OTELGATE_MAX_CONNECTIONS_PER_ADDRESS`", "the connection is closed; the gateway tries again", "file descriptors; the gateway has one or two"},
	{"audit sink", "an id or name", "512 bytes", "fixed", "does not happen", "`intake`"},
	{"audit sink", "a time", "from 2000 to a day ahead; not older than OTELGATE_RETENTION_AUDIT", "`OTELGATE_RETENTION_AUDIT`, `OTELGATE_RETENTION_EVENTS`", "a row in `content.rejects`, and in `audit verify`", "what is older than is kept would be deleted"},
	{"audit sink", "what is kept of a rejected record", "64 KiB", "fixed", "the rest is not kept", "a reject is for diagnosis"},
}

// Markdown renders the table for docs/reference/limits.md.
func Markdown() string {
	var out strings.Builder
	out.WriteString("| hop | what | below and at | setting | above | because of |\n|---|---|---|---|---|---|\n")
	for _, l := range Limits {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", l.Hop, l.What, l.Most, l.Set, l.Above, l.Because)
	}
	return out.String()
}

// MarkdownReasons renders the counter's reasons for docs/reference/limits.md.
func MarkdownReasons() string {
	var out strings.Builder
	out.WriteString("| action | reason | what was the matter |\n|---|---|---|\n")
	for _, each := range said {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", each.action, each.reason, each.text)
	}
	return out.String()
}
