// Package guard refuses a configuration that listens beyond this machine in the open. It is a
// confmap converter, so it sees the merged configuration, an operator's own files included, and
// stops `validate` as well as the start. It also refuses one in which `admission`, which makes the credentials of gRPC, has
// other TLS than the receiver.
package guard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"otelgate/collector/fault"
	"otelgate/collector/settings"
)

type converter struct {
	environ func() []string
}

// NewFactory makes the guard.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter {
		return converter{environ: os.Environ}
	})
}

// Convert changes nothing; its error names every receiver that is open.
func (c converter) Convert(_ context.Context, conf *confmap.Conf) error {
	loaded, err := settings.Load(c.environ())
	if err != nil {
		return err
	}
	whole := conf.ToStringMap()
	receivers, _ := whole["receivers"].(map[string]any)
	extensions, _ := whole["extensions"].(map[string]any)
	if err := errors.Join(otherTLS(receivers, "receivers", extensions)...); err != nil || loaded["insecure"].(bool) {
		return err
	}
	return errors.Join(open(receivers, "receivers", loaded["published_host"].(string))...)
}

// open walks a part of the configuration; a map with an `endpoint` is taken for a listener.
func open(part map[string]any, path, publishedHost string) []error {
	var faults []error
	if endpoint, ok := part["endpoint"].(string); ok {
		local, where := loopback(endpoint), endpoint
		if !local && publishedHost != "" {
			local = loopback(publishedHost + ":0")
			where = fmt.Sprintf("%s, published on %s", endpoint, publishedHost)
		}
		if !local && !(hasTLS(part) && hasAuth(part)) {
			faults = append(faults, fault.Of(path+"::endpoint", where,
				"no address beyond this machine, without both TLS and a bearer token: "+
					"set OTELGATE_TLS_CERT_FILE, OTELGATE_TLS_KEY_FILE and OTELGATE_TOKEN_FILE, or OTELGATE_INSECURE=true"))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(part)) {
		if inner, ok := part[key].(map[string]any); ok {
			faults = append(faults, open(inner, path+"::"+key, publishedHost)...)
		}
	}
	return faults
}

// otherTLS walks a part of the configuration for gRPC servers whose TLS their middleware `admission` would replace by another.
func otherTLS(part map[string]any, path string, extensions map[string]any) []error {
	var faults []error
	middlewares, _ := part["middlewares"].([]any)
	for _, each := range middlewares {
		middleware, _ := each.(map[string]any)
		id, _ := middleware["id"].(string)
		kind, _, _ := strings.Cut(id, "/")
		extension, _ := extensions[id].(map[string]any)
		if kind == "admission" && strings.HasSuffix(path, "::grpc") && !reflect.DeepEqual(part["tls"], extension["tls"]) {
			faults = append(faults, fmt.Errorf("extensions::%s::tls: expected the same as %s::tls, in whose place it is used", id, path))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(part)) {
		if inner, ok := part[key].(map[string]any); ok {
			faults = append(faults, otherTLS(inner, path+"::"+key, extensions)...)
		}
	}
	return faults
}

func hasTLS(listener map[string]any) bool {
	tls, _ := listener["tls"].(map[string]any)
	cert, _ := tls["cert_file"].(string)
	pem, _ := tls["cert_pem"].(string)
	return cert != "" || pem != ""
}

func hasAuth(listener map[string]any) bool {
	auth, _ := listener["auth"].(map[string]any)
	authenticator, _ := auth["authenticator"].(string)
	return authenticator != ""
}

// loopback is true only where it is certain: names other than localhost are not resolved.
func loopback(endpoint string) bool {
	if strings.HasPrefix(endpoint, "/") || strings.HasPrefix(endpoint, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(endpoint)
	return err == nil && settings.Loopback(host)
}
