package settings

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
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
	if secret, ok := headers[key]; ok {
		made, err := secret.headers(loaded)
		if err != nil {
			return nil, err
		}
		return confmap.NewRetrieved(made)
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
		"extensions":      []any{"folder_lock", "healthcheckv2", "disk_queue", "rejects", "answers", "store_answers", "store_answers/tempo", "admission", "pages", "pages/own", "own_metrics", "applications/self"},
		"trace_exporters": traceExporters[s["traces_to"].(string)],
		"samplers":        []any{},
		"audit_branch":    []any{},
		"sample_slow_ms":  s.duration("sample_slow").Milliseconds(),
		"log_max_age":     s.logMaxAge().String(),
		"own_host":        "127.0.0.1",
		"stores_tls":      s.storesTLS(),
		"tempo_tls":       s.grpcTLS("tempo_endpoint"),
		"jaeger_tls":      s.grpcTLS("jaeger_endpoint"),
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

// sent is a secret that goes with each request as a header: the content of the file that a setting names.
type sent struct {
	setting, noun string
	authorization func(secret string) string
}

// headers by the name under which config/ asks for them: the token by which the audit sink knows the gateway, and the
// password by which Prometheus does.
var headers = map[string]sent{
	"audit_headers": {"audit_token_file", "token", func(token string) string { return "Bearer " + token }},
	"prometheus_headers": {"stores_password_file", "password", func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(storesUser+":"+password))
	}},
}

// storesUser is whom the stores' password is of.
const storesUser = "otelgate"

// headers are none where the setting is not set.
func (h sent) headers(s Settings) (map[string]any, error) {
	name, env := s[h.setting].(string), prefix+strings.ToUpper(h.setting)
	if name == "" {
		return map[string]any{}, nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s='%s': %w", env, name, err)
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return nil, fmt.Errorf("%s='%s': expected a %s, the file is empty", env, name, h.noun)
	}
	return map[string]any{"authorization": h.authorization(secret)}, nil
}

// storesTLS is for stores that are reached by TLS.
func (s Settings) storesTLS() map[string]any {
	out := map[string]any{}
	if s["stores_ca_file"] != "" {
		out["ca_file"], out["include_system_ca_certs_pool"] = s["stores_ca_file"], true
	}
	if s["stores_cert_file"] != "" {
		out["cert_file"], out["key_file"] = s["stores_cert_file"], s["stores_key_file"]
	}
	return out
}

// grpcTLS is for a store whose endpoint says by its scheme whether it is reached by TLS.
func (s Settings) grpcTLS(endpoint string) map[string]any {
	if strings.HasPrefix(s[endpoint].(string), "https://") {
		return s.storesTLS()
	}
	return map[string]any{"insecure": true}
}

// Loopback is true only where it is certain: names other than localhost are not resolved.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// selfToken goes with the metrics that the gateway sends to itself. No other process knows it.
var selfToken = sync.OnceValue(rand.Text)

// logMaxAge is a little less than Loki takes, whose clock may be ahead.
func (s Settings) logMaxAge() time.Duration { return s.duration("retention_logs") - time.Hour }

var traceExporters = map[string][]any{
	"tempo":  {"otlp_grpc/tempo"},
	"jaeger": {"otlp_grpc/jaeger"},
	"both":   {"otlp_grpc/tempo", "otlp_grpc/jaeger"},
}

func (provider) Scheme() string { return scheme }

func (provider) Shutdown(context.Context) error { return nil }
