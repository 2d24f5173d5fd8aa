package pages

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"otelgate/collector/pages/internal/metadata"
)

// Config of the extension.
type Config struct {
	// LoopbackOnly says that the servers listen on loopback only. A request for a public host name then comes from a page
	// whose site resolves to 127.0.0.1 (DNS rebinding).
	LoopbackOnly bool `mapstructure:"loopback_only"`
}

// NewFactory makes the extension `pages`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config {
		return &Config{}
	}, func(_ context.Context, _ extension.Settings, cfg component.Config) (extension.Extension, error) {
		return &middleware{cfg: cfg.(*Config)}, nil
	}, metadata.ExtensionStability)
}

type middleware struct {
	component.StartFunc
	component.ShutdownFunc
	cfg *Config
}

// GetHTTPHandler returns what answers a page in place of the server.
func (m *middleware) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case fromPage(r.Header):
				http.Error(w, "requests of web pages are refused: send from a server", http.StatusForbidden)
			case m.cfg.LoopbackOnly && !local(r.Host):
				http.Error(w, fmt.Sprintf("host %q: expected an IP address, localhost, or a name without a dot", r.Host), http.StatusMisdirectedRequest)
			default:
				next.ServeHTTP(w, r)
			}
		}), nil
	}, nil
}

// fromPage looks at headers that a page can neither set nor leave out; a browser's own address bar sends "none".
func fromPage(header http.Header) bool {
	site := header.Get("Sec-Fetch-Site")
	return header.Get("Origin") != "" || site != "" && site != "none"
}

// local says whether a host name cannot be a public site's: those have a dot.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || host == "host.docker.internal"
}
