package guard

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/confmap"
)

const advice = "': expected no address beyond this machine, without both TLS and a bearer token: " +
	"set OTELGATE_TLS_CERT_FILE, OTELGATE_TLS_KEY_FILE and OTELGATE_TOKEN_FILE, or OTELGATE_INSECURE=true"

func TestGuard(t *testing.T) {
	tls := map[string]any{"cert_file": "cert.pem", "key_file": "key.pem"}
	auth := map[string]any{"authenticator": "applications"}
	const wildcard = "receivers::otlp::protocols::grpc::endpoint='0.0.0.0:4317" + advice
	for name, c := range map[string]struct {
		listener map[string]any
		environ  []string
		want     string
	}{
		"loopback":                 {listener: map[string]any{"endpoint": "127.0.0.1:4317"}},
		"loopback v6":              {listener: map[string]any{"endpoint": "[::1]:4317"}},
		"localhost":                {listener: map[string]any{"endpoint": "localhost:4317"}},
		"unix socket":              {listener: map[string]any{"endpoint": "/run/otlp.sock", "transport": "unix"}},
		"wildcard":                 {listener: map[string]any{"endpoint": "0.0.0.0:4317"}, want: wildcard},
		"all interfaces":           {listener: map[string]any{"endpoint": ":4317"}, want: "receivers::otlp::protocols::grpc::endpoint=':4317" + advice},
		"named host":               {listener: map[string]any{"endpoint": "gateway:4317"}, want: "receivers::otlp::protocols::grpc::endpoint='gateway:4317" + advice},
		"TLS alone":                {listener: map[string]any{"endpoint": "0.0.0.0:4317", "tls": tls}, want: wildcard},
		"token alone":              {listener: map[string]any{"endpoint": "0.0.0.0:4317", "auth": auth}, want: wildcard},
		"empty TLS":                {listener: map[string]any{"endpoint": "0.0.0.0:4317", "tls": map[string]any{}, "auth": auth}, want: wildcard},
		"TLS and token":            {listener: map[string]any{"endpoint": "0.0.0.0:4317", "tls": tls, "auth": auth}},
		"said so":                  {listener: map[string]any{"endpoint": "0.0.0.0:4317"}, environ: []string{"OTELGATE_INSECURE=true"}},
		"published locally":        {listener: map[string]any{"endpoint": "0.0.0.0:4317"}, environ: []string{"OTELGATE_PUBLISHED_HOST=127.0.0.1"}},
		"published on loopback v6": {listener: map[string]any{"endpoint": "0.0.0.0:4317"}, environ: []string{"OTELGATE_PUBLISHED_HOST=::1"}},
		"published on [::1]":       {listener: map[string]any{"endpoint": "0.0.0.0:4317"}, environ: []string{"OTELGATE_PUBLISHED_HOST=[::1]"}},
		"published on localhost":   {listener: map[string]any{"endpoint": "0.0.0.0:4317"}, environ: []string{"OTELGATE_PUBLISHED_HOST=localhost"}},
		"loopback in a container":  {listener: map[string]any{"endpoint": "127.0.0.1:4317"}, environ: []string{"OTELGATE_PUBLISHED_HOST=192.0.2.1"}},
		"published openly": {
			listener: map[string]any{"endpoint": "0.0.0.0:4317"}, environ: []string{"OTELGATE_PUBLISHED_HOST=192.0.2.1"},
			want: "receivers::otlp::protocols::grpc::endpoint='0.0.0.0:4317, published on 192.0.2.1" + advice,
		},
	} {
		t.Run(name, func(t *testing.T) {
			conf := confmap.NewFromStringMap(map[string]any{"receivers": map[string]any{
				"otlp": map[string]any{"protocols": map[string]any{"grpc": c.listener}},
			}})
			err := converter{environ: func() []string { return c.environ }}.Convert(context.Background(), conf)
			if got := message(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAdmissionHasTheTLSOfItsReceiver(t *testing.T) {
	tls := map[string]any{"cert_file": "cert.pem", "key_file": "key.pem"}
	const fault = "extensions::admission::tls: expected the same as receivers::otlp::protocols::grpc::tls, in whose place it is used"
	for name, c := range map[string]struct {
		receiver, admission any
		middleware, want    string
	}{
		"both":        {tls, map[string]any{"cert_file": "cert.pem", "key_file": "key.pem"}, "admission", ""},
		"neither":     {nil, nil, "admission", ""},
		"only one":    {tls, nil, "admission", fault},
		"the other":   {nil, tls, "admission", fault},
		"another one": {tls, map[string]any{"cert_file": "cert.pem", "key_file": "other.pem"}, "admission", fault},
		"not used":    {tls, nil, "answers", ""},
	} {
		t.Run(name, func(t *testing.T) {
			grpc := map[string]any{"endpoint": "127.0.0.1:4317", "tls": c.receiver, "middlewares": []any{map[string]any{"id": c.middleware}}}
			conf := confmap.NewFromStringMap(map[string]any{
				"receivers":  map[string]any{"otlp": map[string]any{"protocols": map[string]any{"grpc": grpc}}},
				"extensions": map[string]any{"admission": map[string]any{"tls": c.admission}},
			})
			for _, environ := range [][]string{nil, {"OTELGATE_INSECURE=true"}} {
				err := converter{environ: func() []string { return environ }}.Convert(context.Background(), conf)
				if got := message(err); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
