package settings

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
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
		"extensions":      []any{"folder_lock", "healthcheckv2", "disk_queue", "answers", "store_answers", "admission"},
		"trace_exporters": traceExporters[s["traces_to"].(string)],
		"samplers":        []any{},
		"audit_branch":    []any{},
		"sample_slow_ms":  s.duration("sample_slow").Milliseconds(),
		"log_max_age":     s.logMaxAge().String(),
		"own_host":        "127.0.0.1",
		// The extension's config must name a file even where no token is asked for; unused, it is never read.
		"token_source": os.DevNull,
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
		out["tls"] = map[string]any{"cert_file": s["tls_cert_file"], "key_file": s["tls_key_file"]}
	}
	if s["token_file"] != "" {
		out["auth"] = map[string]any{"authenticator": "bearertokenauth"}
		out["extensions"] = append(out["extensions"].([]any), "bearertokenauth")
		out["token_source"] = s["token_file"]
	}
	return out
}

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
