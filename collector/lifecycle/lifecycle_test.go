package lifecycle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/otelcol"
)

// room is a keeper and the Collector's resolver behind it, on two files.
type room struct {
	t        *testing.T
	files    []string
	keeper   *keeper
	resolver *confmap.Resolver
}

func newRoom(t *testing.T) *room {
	folder := t.TempDir()
	r := &room{t: t, files: []string{filepath.Join(folder, "a.yaml"), filepath.Join(folder, "b.yaml")}}
	r.write("one: 1", "port: ${env:LIFECYCLE_TEST_PORT}")
	t.Setenv("LIFECYCLE_TEST_PORT", "4317")
	params := otelcol.CollectorSettings{ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
		ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
	}}}
	r.keeper = keep(params, nil)
	r.keeper.try = func(context.Context) error { return nil }
	r.begin()
	return r
}

// begin is a Collector's start.
func (r *room) begin() {
	r.t.Helper()
	set := r.keeper.settings().ConfigProviderSettings.ResolverSettings
	for _, file := range r.files {
		set.URIs = append(set.URIs, "file:"+file)
	}
	var err error
	if r.resolver, err = confmap.NewResolver(set); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) write(texts ...string) {
	r.t.Helper()
	for i, text := range texts {
		if err := os.WriteFile(r.files[i], []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// reads is what the Collector is given now.
func (r *room) reads(key string, want any) {
	r.t.Helper()
	conf, err := r.resolver.Resolve(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	if got := conf.Get(key); got != want {
		r.t.Errorf("%s = %v, want %v", key, got, want)
	}
}

func TestReloadUsesValidConfiguration(t *testing.T) {
	r := newRoom(t)
	r.reads("one", 1)
	r.write("one: 2")
	r.reads("one", 2)
}

func TestReloadKeepsPreviousConfigurationIfInvalid(t *testing.T) {
	r := newRoom(t)
	r.reads("port", 4317)
	r.write("one: 2", "port: [")
	t.Setenv("LIFECYCLE_TEST_PORT", "1")
	r.keeper.try = func(context.Context) error { return errors.New("bad") }
	r.reads("one", 1)
	r.reads("port", 4317)
	r.write("one: 3", "port: 5")
	r.keeper.try = func(context.Context) error { return nil }
	r.reads("one", 3)
	r.reads("port", 5)
}

func TestReturnsToPreviousConfigurationIfStartFails(t *testing.T) {
	r := newRoom(t)
	r.reads("one", 1)
	if r.keeper.goBack(errors.New("it never ran")) {
		t.Error("there is nothing to go back to at the first start")
	}
	r.write("one: 2")
	r.reads("one", 2)
	if !r.keeper.goBack(errors.New("port taken")) {
		t.Fatal("what ran before was forgotten")
	}
	r.begin()
	r.reads("one", 1)
	if r.keeper.goBack(errors.New("port taken")) {
		t.Error("went back twice")
	}
	r.reads("one", 2) // the next reload tries again
}

func TestLocationsAreThoseOfTheCollector(t *testing.T) {
	got := locations([]string{"--config=a.yaml", "--set", "processors.batch.timeout=2s", "--config", "b.yaml", "--feature-gates=-x"})
	if want := []string{"a.yaml", "b.yaml", "yaml:processors::batch::timeout: 2s"}; !slices.Equal(got, want) {
		t.Errorf("locations = %v, want %v", got, want)
	}
}
