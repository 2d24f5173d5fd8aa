package settings

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

const scheme = "otelgate"

type provider struct {
	environ func() []string
}

// NewFactory makes the provider of ${otelgate:…}.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
		return provider{environ: os.Environ}
	})
}

// Retrieve returns a setting by its key, or one of the values derived from several (see derived).
func (p provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	loaded, err := Load(p.environ())
	if err != nil {
		return nil, err
	}
	key := strings.TrimPrefix(uri, scheme+":")
	if key == "instance_id" {
		return confmap.NewRetrieved(instanceOf(loaded["data_dir"].(string), loaded[key].(string)))
	}
	if key == "audit_headers" {
		headers, err := loaded.auditHeaders()
		if err != nil {
			return nil, err
		}
		return confmap.NewRetrieved(headers)
	}
	switch value := loaded[key].(type) {
	case string:
		return confmap.NewRetrieved(value)
	case float64:
		return confmap.NewRetrievedFromYAML(strconv.AppendFloat(nil, value, 'f', -1, 64)) // OTTL knows no 1e-05
	case int64, bool:
		// From YAML, so that it can also stand inside a longer string: 127.0.0.1:${otelgate:self_port}.
		return confmap.NewRetrievedFromYAML(fmt.Append(nil, value))
	}
	if value, ok := loaded.derived()[key]; ok {
		return confmap.NewRetrieved(value)
	}
	return nil, fmt.Errorf("${%s}: no such setting", uri)
}

// derived holds what the config files cannot compute: blocks that are there only when set.
func (s Settings) derived() map[string]any {
	out := map[string]any{
		"tls":             nil,
		"auth":            nil,
		"self_token":      selfToken(),
		"extensions":      []any{"folder_lock", "healthcheckv2", "disk_queue", "rejects", "answers", "store_answers", "store_answers/tempo", "admission", "pages", "applications/self"},
		"trace_exporters": traceExporters[s["traces_to"].(string)],
		"samplers":        []any{},
		"audit_branch":    []any{},
		"sample_slow_ms":  s.duration("sample_slow").Milliseconds(),
		"log_max_age":     s.logMaxAge().String(),
		"own_host":        "127.0.0.1",
		"loopback_only":   Loopback(cmp.Or(s["published_host"].(string), s["host"].(string))),
	}
	maps.Copy(out, s.bounds())
	if s.sampling() {
		out["samplers"] = []any{"tail_sampling"}
	}
	if s["audit"].(bool) {
		out["audit_branch"] = []any{"sequence/stores"}
	}
	if s["published_host"] != "" {
		// In a container: compose publishes health and metrics on the host's 127.0.0.1 only.
		out["own_host"] = "0.0.0.0"
	}
	if s["tls_cert_file"] != "" {
		tls := map[string]any{"cert_file": s["tls_cert_file"], "key_file": s["tls_key_file"]}
		if s["tls_client_ca_file"] != "" {
			tls["client_ca_file"], tls["client_ca_file_reload"] = s["tls_client_ca_file"], true
		}
		out["tls"] = tls
	}
	if s["token_file"] != "" {
		out["auth"] = map[string]any{"authenticator": "applications"}
		out["extensions"] = append(out["extensions"].([]any), "applications")
	}
	return out
}

// auditHeaders go with everything that the audit sink gets: the token by which it knows the gateway, if there is one.
func (s Settings) auditHeaders() (map[string]any, error) {
	name := s["audit_token_file"].(string)
	if name == "" {
		return map[string]any{}, nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("OTELGATE_AUDIT_TOKEN_FILE='%s': %w", name, err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return nil, fmt.Errorf("OTELGATE_AUDIT_TOKEN_FILE='%s': expected a token, the file is empty", name)
	}
	return map[string]any{"authorization": "Bearer " + token}, nil
}

// Loopback is true only where it is certain: names other than localhost are not resolved.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// selfToken goes with the metrics that the gateway sends to itself. No other process knows it.
var selfToken = sync.OnceValue(rand.Text)

// logMaxAge is a little less than Loki takes, whose clock may be ahead.
func (s Settings) logMaxAge() time.Duration {
	kept := s.duration("retention_logs")
	return max(kept-time.Hour, kept/2)
}

var traceExporters = map[string][]any{
	"tempo":  {"otlp_grpc/tempo"},
	"jaeger": {"otlp_grpc/jaeger"},
	"both":   {"otlp_grpc/tempo", "otlp_grpc/jaeger"},
}

func (provider) Scheme() string { return scheme }

func (provider) Shutdown(context.Context) error { return nil }
