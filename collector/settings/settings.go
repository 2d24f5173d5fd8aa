// Package settings is the gateway's table of OTELGATE_* environment variables, and the confmap
// provider by which the files in config/ read them: ${otelgate:grpc_port} is OTELGATE_GRPC_PORT,
// checked, or its default. A value that is not understood stops `validate` and the start.
package settings

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

const prefix = "OTELGATE_"

// Setting is one row of the table. Key is the name in the config files, and OTELGATE_ plus its
// upper case is the environment variable.
type Setting struct {
	Key     string
	Default string
	Kind    kind
	Doc     string
}

// Env is the environment variable's name.
func (s Setting) Env() string { return prefix + strings.ToUpper(s.Key) }

// Table holds every setting of the gateway, in the order in which docs/settings.md shows them.
var Table = []Setting{
	{"host", "127.0.0.1", host, "address that the OTLP receivers listen on"},
	{"published_host", "", host, "in a container: the host address on which its ports are published (compose sets it); the closed-by-default check looks at it instead of OTELGATE_HOST"},
	{"grpc_port", "4317", port, "OTLP gRPC"},
	{"http_port", "4318", port, "OTLP HTTP"},
	{"health_port", "13133", port, "health check, on 127.0.0.1"},
	{"metrics_port", "8888", port, "the gateway's own metrics as Prometheus text, on 127.0.0.1"},
	{"self_port", "4319", port, "OTLP on 127.0.0.1, by which the gateway sends itself its own metrics"},
	{"insecure", "false", boolean, "`true` allows listening beyond 127.0.0.1 without TLS and a token"},
	{"tls_cert_file", "", file, "server certificate, PEM"},
	{"tls_key_file", "", file, "its private key, PEM"},
	{"tls_client_ca_file", "", file, "authority that has to have signed a client's certificate, PEM; beside the token. Read again when it changes"},
	{"token_file", "", file, "file with the bearer token that clients must send; its sender may speak for every service. Read again when it changes"},
	{"applications_file", "", file, "file with a token, services, a team and limits for each application (docs/security.md); read again when it changes"},
	{"data_dir", ".otelgate/gateway", text, "folder of the export queues and of the derived metrics' totals; each gateway needs its own"},
	{"fsync", "false", boolean, "`true` makes queued data survive power loss, not only a crash"},
	{"memory_limit_mib", "512", atLeast(128), "memory of the gateway, MiB: requests that would take more are refused (clients retry); the container's limit follows from it"},
	{"queue_bytes", "1000000000", atLeast(8192), "size of each export queue on disk, bytes, or less where the disk has not that much; a full queue refuses (clients retry)"},
	{"queue_reserve_bytes", "67108864", atLeast(1048576), "what stays free on the queues' disk, bytes, at most a tenth of it: below, data is refused (clients retry), so that the queues can be emptied"},
	{"max_message_mib", "16", count, "largest OTLP message taken, MiB; less where OTELGATE_MEMORY_LIMIT_MIB has not 28 MiB for each of its MiB, and 64 more (docs/limits.md)"},
	{"max_connections_per_address", "1000", atLeast(0), "connections over gRPC, and requests at once over HTTP, that the gateway has from one address; more are refused (clients retry). A proxy or a Docker network makes many clients one address. 0: no bound. The audit sink has as many connections in all"},
	{"max_item_bytes", "1000000", between(16_384, 1_250_000), "largest span or log record; the content of a larger one is cut, with a mark that says so (docs/limits.md)"},
	{"retention_logs", "744h", duration, "how long Loki keeps logs, and so how old a log record may be; an older one is stored at its time of arrival (docs/limits.md)"},
	{"instance_id", "", text, "name of this gateway in its own and the derived metrics, before a short id that OTELGATE_DATA_DIR keeps; default: the host name"},
	{"log_level", "info", oneOf("debug", "info", "warn", "error"), "the gateway's own log"},
	{"traces_to", "tempo", oneOf("tempo", "jaeger", "both"), "where traces go"},
	{"content_traces", "none", oneOf("none", "masked", "full"), "message content in Tempo and Jaeger: none, with personal data masked, or all of it"},
	{"content_logs", "none", oneOf("none", "masked", "full"), "the same in Loki"},
	{"content_audit", "opt_in", oneOf("opt_in", "none", "masked", "full"), "message content in the audit store: `opt_in` keeps it, with personal data masked, of senders whose resource has `otelgate.content=true` (our SDK with content on), and removes it from others; `none`, `masked` and `full` are for all senders"},
	{"log_bodies", "mask", oneOf("mask", "remove"), "what `none` leaves of the text of applications' own log lines: masked, or nothing; GenAI events lose theirs always"},
	{"policy_file", "", file, "an operator's masking rules and attribute lists, in the form of `collector/redact/policy.yaml`"},
	{"pseudonym_key_file", "", file, "file with the key by which ids that are personal data (an e-mail as `user.id`) become pseudonyms, `[email:3f9a…]`, the same in every store; without one they become `[email]`, all of them the same"},
	{"mapping_file", "", file, "an operator's dialects, in the form of `collector/genai/mapping.yaml`"},
	{"keep_originals", "false", boolean, "`true` keeps attributes beside what they were mapped to"},
	{"prices_file", "", file, "an operator's prices, in the form of `collector/pricing/testdata/override.json`; read again when it changes"},
	{"metrics_file", "", file, "an operator's derived metrics, in the form of `collector/derive/metrics.yaml`"},
	{"sample_percent", "100", percent, "share of ordinary traces that is stored; below 100, those with an error, slow, costly or rated low are stored besides (metrics count all)"},
	{"sample_slow", "10s", duration, "a trace that takes this long is slow"},
	{"sample_cost_usd", "0.1", positive, "a trace with a model call of this price is costly, US dollars"},
	{"sample_wait", "60s", duration, "how long an ordinary trace is held, in memory, in case that it becomes worth storing"},
	{"sample_traces", "3000", count, "how many are held at most; those that wait longest go first"},
	{"audit", "true", boolean, "`false` leaves the audit sink out: conversations are then on record nowhere"},
	{"audit_endpoint", "127.0.0.1:4320", hostPort, "the audit sink's OTLP gRPC receiver"},
	{"audit_token_file", "", file, "file with the token that the sink wants from the gateway; read at the start"},
	{"tempo_endpoint", "https://127.0.0.1:14317", store, "Tempo's OTLP gRPC receiver"},
	{"jaeger_endpoint", "https://127.0.0.1:24317", store, "Jaeger's OTLP gRPC receiver"},
	{"loki_endpoint", "https://127.0.0.1:3100/otlp", httpURL, "Loki's OTLP endpoint"},
	{"prometheus_endpoint", "http://127.0.0.1:9090/api/v1/write", httpURL, "Prometheus' remote-write endpoint"},
	{"stores_password_file", "", file, "file with the password of user `otelgate` at Prometheus; none is sent without it. Read at the start"},
	{"stores_cert_file", "", file, "certificate that the gateway shows to stores with https:// endpoints, PEM"},
	{"stores_key_file", "", file, "its private key, PEM"},
	{"stores_ca_file", "", file, "authority that has signed those stores' certificates, PEM; those of the system count, too"},
}

// Settings holds the parsed value of each key: string, int64, float64 or bool.
type Settings map[string]any

// Load reads the table from environ (entries as in os.Environ). Its error joins every fault found,
// each naming the variable, the value and what was expected.
func Load(environ []string) (Settings, error) {
	given := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && value != "" {
			given[name] = value
		}
	}
	loaded := Settings{}
	var faults []error
	for _, setting := range Table {
		raw, ok := given[setting.Env()]
		delete(given, setting.Env())
		if !ok {
			raw = setting.Default
		}
		value, err := setting.Kind.parse(raw)
		if err != nil {
			err = fmt.Errorf("%s='%s': %w", setting.Env(), raw, err)
			faults = append(faults, err)
		}
		loaded[setting.Key] = value
	}
	faults = append(faults, unknown(given)...)
	if len(faults) == 0 {
		faults = loaded.check()
	}
	return loaded, errors.Join(faults...)
}

// check looks at settings that only make sense together.
func (s Settings) check() []error {
	var faults []error
	if (s["tls_cert_file"] == "") != (s["tls_key_file"] == "") {
		faults = append(faults, errors.New("OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE: expected both or neither"))
	}
	if (s["stores_cert_file"] == "") != (s["stores_key_file"] == "") {
		faults = append(faults, errors.New("OTELGATE_STORES_CERT_FILE and OTELGATE_STORES_KEY_FILE: expected both or neither"))
	}
	if s["tls_client_ca_file"] != "" && s["tls_cert_file"] == "" {
		faults = append(faults, fmt.Errorf("OTELGATE_TLS_CLIENT_CA_FILE='%s': expected OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE with it", s["tls_client_ca_file"]))
	}
	// The stack's own parts and the doctor have the operator's.
	if s["applications_file"] != "" && s["token_file"] == "" {
		faults = append(faults, fmt.Errorf("OTELGATE_APPLICATIONS_FILE='%s': expected OTELGATE_TOKEN_FILE, the operator's token, with it", s["applications_file"]))
	}
	// Else a trace's first spans are given up before its root can say that it was slow.
	if wait, slow := s.duration("sample_wait"), s.duration("sample_slow"); s.sampling() && wait <= slow {
		faults = append(faults, fmt.Errorf("OTELGATE_SAMPLE_WAIT='%s': expected more than OTELGATE_SAMPLE_SLOW, which is %s",
			s["sample_wait"], s["sample_slow"]))
	}
	return faults
}

// sampling says whether some traces are not stored.
func (s Settings) sampling() bool { return s["sample_percent"].(float64) < 100 }

// duration reads a setting of that kind, which has been checked.
func (s Settings) duration(key string) time.Duration {
	value, _ := time.ParseDuration(s[key].(string))
	return value
}

func unknown(left map[string]string) []error {
	names := make([]string, 0, len(left))
	for name := range left {
		names = append(names, name)
	}
	sort.Strings(names)
	faults := make([]error, 0, len(names))
	for _, name := range names {
		faults = append(faults, fmt.Errorf("%s: unknown setting of the gateway, did you mean %s?", name, nearest(name)))
	}
	return faults
}

// nearest returns the known variable with the smallest edit distance to name.
func nearest(name string) string {
	best, distance := "", 1<<30
	for _, setting := range Table {
		if d := editDistance(name, setting.Env()); d < distance {
			best, distance = setting.Env(), d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// Markdown renders the table for docs/settings.md.
func Markdown() string {
	var out strings.Builder
	out.WriteString("| variable | default | expected | what it is |\n|---|---|---|---|\n")
	for _, setting := range Table {
		value := setting.Default
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", setting.Env(), value, setting.Kind.expected, setting.Doc)
	}
	return out.String()
}

func atoi(raw string) (int64, bool) {
	value, err := strconv.ParseInt(raw, 10, 64)
	return value, err == nil
}

// atof reads plain decimals: no exponents, no infinities, nothing that is not a number.
func atof(raw string) (float64, bool) {
	value, err := strconv.ParseFloat(raw, 64)
	return value, err == nil && strings.Trim(raw, "0123456789.") == ""
}
