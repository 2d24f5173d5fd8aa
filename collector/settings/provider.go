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

	"otelgate/collector/fault"
	"otelgate/collector/operatorfile"
)

const scheme = "otelgate"

type provider struct {
	environ func() []string
	read    map[string]any // during a resolution of the configuration: the environment, read once
}

// NewFactory makes the provider of ${otelgate:…}.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
		return &provider{environ: os.Environ}
	})
}

// Retrieve returns a setting by its key, or one of the values that are computed.
func (p *provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	if p.read == nil {
		loaded, err := Load(p.environ())
		if err != nil {
			return nil, err
		}
		p.read = loaded.values()
	}
	value, ok := p.read[strings.TrimPrefix(uri, scheme+":")]
	if !ok {
		return nil, fmt.Errorf("${%s}: no such setting", uri)
	}
	if fromDisk, ok := value.(func() (any, error)); ok {
		var err error
		if value, err = fromDisk(); err != nil {
			return nil, err
		}
	}
	return retrieved(value, confmap.WithRetrievedClose(p.forget))
}

// forget is called by the Collector before it resolves the configuration again.
func (p *provider) forget(context.Context) error {
	p.read = nil
	return nil
}

func retrieved(value any, option confmap.RetrievedOption) (*confmap.Retrieved, error) {
	switch value := value.(type) {
	case float64:
		return confmap.NewRetrievedFromYAML(strconv.AppendFloat(nil, value, 'f', -1, 64), option) // OTTL knows no 1e-05
	case int, int64, bool:
		// From YAML, so that it can also be part of a longer string: 127.0.0.1:${otelgate:self_port}.
		return confmap.NewRetrievedFromYAML(fmt.Append(nil, value), option)
	}
	return confmap.NewRetrieved(value, option)
}

// values are the settings, and what no file of config/ can say, since it follows from several of them, from this machine or
// from a secret.
func (s Settings) values() map[string]any {
	out := maps.Clone(map[string]any(s))
	maps.Copy(out, s.bounds()) // of memory and disk
	maps.Copy(out, map[string]any{
		"self_token":     selfToken(),                              // random
		"sample_slow_ms": s.duration("sample_slow").Milliseconds(), // the sampler reads no unit
		"log_max_age":    s.logMaxAge().String(),                   // of a retention
		"own_host":       s.ownHost(),                              // in a container, another
		"loopback_only":  Loopback(cmp.Or(s["published_host"].(string), s["host"].(string))),
		"instance_id": func() (any, error) {
			return instanceOf(s["data_dir"].(string), s["instance_id"].(string)), nil
		},
	})
	for key, secret := range headers {
		out[key] = func() (any, error) { return secret.headers(s) }
	}
	return out
}

// ownHost is where the gateway's health and metrics are. Of a container compose publishes them on the host's 127.0.0.1 only.
func (s Settings) ownHost() string {
	if s["published_host"] != "" {
		return "0.0.0.0"
	}
	return "127.0.0.1"
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
	content, err := operatorfile.Load(env, name)
	if err != nil {
		return nil, err
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return nil, fault.Of(env, name, "a %s, the file is empty", h.noun)
	}
	return map[string]any{"authorization": h.authorization(secret)}, nil
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

func (*provider) Scheme() string { return scheme }

func (*provider) Shutdown(context.Context) error { return nil }
