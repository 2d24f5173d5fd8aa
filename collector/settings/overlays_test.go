package settings

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
)

func TestSettingsAskForOverlays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tls := "TLS_CERT_FILE=" + file + " TLS_KEY_FILE=" + file
	for given, want := range map[string]string{
		"":                                  "audit",
		"AUDIT=true":                        "audit",
		"AUDIT=false":                       "",
		"SAMPLE_PERCENT=100.0":              "audit",
		"SAMPLE_PERCENT=99.9":               "audit sampling",
		"SAMPLE_PERCENT=0":                  "audit sampling",
		"TRACES_TO=tempo":                   "audit",
		"TRACES_TO=jaeger":                  "audit traces-to-jaeger",
		"TRACES_TO=both":                    "audit traces-to-both",
		"TEMPO_ENDPOINT=https://store:4317": "audit",
		"TEMPO_ENDPOINT=store:4317":         "audit tempo-plaintext",
		"JAEGER_ENDPOINT=store:4317":        "audit jaeger-plaintext",
		tls:                                 "audit tls",
		tls + " TLS_CLIENT_CA_FILE=" + file: "audit tls client-certificates",
		"TOKEN_FILE=" + file:                "audit tokens",
		"AUDIT=false TRACES_TO=both TOKEN_FILE=" + file + " SAMPLE_PERCENT=5": "sampling traces-to-both tokens",
	} {
		var environ []string
		for _, entry := range strings.Fields(given) {
			environ = append(environ, prefix+entry)
		}
		loaded, err := Load(environ)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, overlay := range Overlays {
			if overlay.AskedBy(loaded) {
				got = append(got, strings.TrimSuffix(overlay.File, ".yaml"))
			}
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %v, want %s", given, got, want)
		}
	}
}

func TestEachOverlayFileNamesItsSetting(t *testing.T) {
	folder := filepath.Join("..", "config", "overlays")
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, overlay := range Overlays {
		file := filepath.Join(folder, overlay.File)
		listed = append(listed, file)
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(text), "# "+overlay.Env()) {
			t.Errorf("%s: expected a first line that begins with %s (%v)", file, overlay.Env(), err)
		}
	}
	slices.Sort(listed)
	if !slices.Equal(listed, files) {
		t.Errorf("settings.Overlays has %v, and the folder %v", listed, files)
	}
}

func TestQueuesAreThoseOfTheOverlays(t *testing.T) {
	for given, want := range map[string]int{
		"OTELGATE_AUDIT=true": 4, "OTELGATE_AUDIT=false": 2, "OTELGATE_TRACES_TO=jaeger": 4, "OTELGATE_TRACES_TO=both": 5,
	} {
		if got := retrieve(t, "queues", given); got != want {
			t.Errorf("%s: %v queues, want %d", given, got, want)
		}
	}
}

func TestTheEnvironmentIsReadOnceForEachResolution(t *testing.T) {
	var ports []string // that the environment has when it is read
	factory := confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
		return &provider{environ: func() []string {
			port := ports[0]
			ports = ports[1:]
			return []string{"OTELGATE_GRPC_PORT=" + port}
		}}
	})
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              []string{"yaml:a: ${otelgate:grpc_port}\nb: ${otelgate:grpc_port}\nc: ${otelgate:audit_headers}"},
		ProviderFactories: []confmap.ProviderFactory{factory, yamlprovider.NewFactory()},
	})
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(given ...string) string {
		ports = given
		conf, err := resolver.Resolve(context.Background())
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%v %v, unread %v", conf.Get("a"), conf.Get("b"), ports)
	}
	for _, each := range []struct{ got, want string }{
		{resolve("1"), "1 1, unread []"},
		{resolve("2", "3"), "2 2, unread [3]"},
		{resolve("4"), "4 4, unread []"},
	} {
		if each.got != each.want {
			t.Errorf("got %s, want %s", each.got, each.want)
		}
	}
	if got := resolve("x"); !strings.Contains(got, "OTELGATE_GRPC_PORT='x'") {
		t.Errorf("a value that is bad at the next resolution: %s", got)
	}
	if got := resolve("5"); got != "5 5, unread []" {
		t.Errorf("and good at the one after: %s", got)
	}
}
