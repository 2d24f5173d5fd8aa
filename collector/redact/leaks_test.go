package redact

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The requests in testdata/leaks have a secret in every field that can carry one; tests/e2e/leaks.py writes them:
//
//	python tests/e2e/leaks.py write collector/redact/testdata/leaks

type leak struct {
	path  string
	words []string
}

func loadLeaks(t testing.TB, form string) []leak {
	var leaks []leak
	for line := range strings.Lines(string(read(t, form, "leaks.tsv"))) {
		words, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		leaks = append(leaks, leak{path, strings.Fields(words)})
	}
	return leaks
}

func read(t testing.TB, form, file string) []byte {
	content, err := os.ReadFile(filepath.Join("testdata", "leaks", form, file))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// survivors sends the three requests through a processor and returns the paths of what is still in them.
func survivors(t *testing.T, form string, cfg *Config) []string {
	r := newTestRedactor(t, cfg)
	var out bytes.Buffer
	out.Write(passTraces(t, r, read(t, form, "traces.binpb")))
	out.Write(passLogs(t, r, read(t, form, "logs.binpb")))
	out.Write(passMetrics(t, r, read(t, form, "metrics.binpb")))
	var paths []string
	for _, leak := range loadLeaks(t, form) {
		if slices.ContainsFunc(leak.words, func(word string) bool { return bytes.Contains(out.Bytes(), []byte(word)) }) {
			paths = append(paths, leak.path)
		}
	}
	return paths
}

func newTestRedactor(t testing.TB, cfg *Config) *redactor {
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	r, err := newRedactor(cfg, componenttest.NewNopTelemetrySettings())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must[T any](t testing.TB, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func passTraces(t *testing.T, r *redactor, raw []byte) []byte {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
	td = must(t, td, err)
	td, err = r.processTraces(context.Background(), td)
	out, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(must(t, td, err))
	return must(t, out, err)
}

func passLogs(t *testing.T, r *redactor, raw []byte) []byte {
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
	ld = must(t, ld, err)
	ld, err = r.processLogs(context.Background(), ld)
	out, err := (&plog.ProtoMarshaler{}).MarshalLogs(must(t, ld, err))
	return must(t, out, err)
}

func passMetrics(t *testing.T, r *redactor, raw []byte) []byte {
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(raw)
	md = must(t, md, err)
	md, err = r.processMetrics(context.Background(), md)
	out, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(must(t, md, err))
	return must(t, out, err)
}

func TestLeaksNone(t *testing.T) {
	if leaked := survivors(t, "token", defaultConfig()); len(leaked) > 0 {
		t.Errorf("%d secrets left, in\n%s", len(leaked), strings.Join(leaked, "\n"))
	}
}

// A sentence is no random token: of ordinary log lines the words stay, unless log_bodies says remove, and so do those of a
// metric's name, which a programmer chose.
func TestLeaksNoneProse(t *testing.T) {
	const metricName = "metrics.resource_metrics.scope_metrics.metrics.name"
	leaked := survivors(t, "prose", defaultConfig())
	if want := []string{"logs.resource_logs.scope_logs.log_records.body.string_value", metricName}; !slices.Equal(leaked, want) {
		t.Errorf("%d secrets left, want %v, got\n%s", len(leaked), want, strings.Join(leaked, "\n"))
	}
	cfg := defaultConfig()
	cfg.LogBodies = remove
	if leaked := survivors(t, "prose", cfg); !slices.Equal(leaked, []string{metricName}) {
		t.Errorf("log_bodies: remove left %s", strings.Join(leaked, "\n"))
	}
}

func TestLeaksFull(t *testing.T) {
	for _, form := range []string{"token", "prose"} {
		cfg := defaultConfig()
		cfg.Content = contentFull
		if found, all := len(survivors(t, form, cfg)), len(loadLeaks(t, form)); found != all || all < 1000 {
			t.Errorf("%s: full let %d of %d through", form, found, all)
		}
	}
}

// Masking by rules leaves the secrets, which are neither cards nor keys: so `none` does not depend on the rules.
func TestLeaksMasked(t *testing.T) {
	cfg := defaultConfig()
	cfg.Content = contentMasked
	if found, all := len(survivors(t, "prose", cfg)), len(loadLeaks(t, "prose")); found != all {
		t.Errorf("masked let %d of %d through", found, all)
	}
}
