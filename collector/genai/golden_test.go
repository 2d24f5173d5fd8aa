package genai

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/genai/internal/metadata"
)

var update = flag.Bool("update", false, "rewrite tests/golden/*/expected.json; a person reads the diff")

const goldenFolder = "../../tests/golden"

// TestGolden runs what real instrumentors sent (tests/golden/record.py) through the shipped mapping.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(goldenFolder + "/*/in.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			in, err := os.ReadFile(file)
			require.NoError(t, err)
			got := through(t, in)
			expectedFile := filepath.Join(folder, "expected.json")
			if *update {
				require.NoError(t, os.WriteFile(expectedFile, got, 0o644))
			}
			expected, err := os.ReadFile(expectedFile)
			require.NoError(t, err, "`make golden` writes it")
			sameLines(t, expectedFile, strings.Split(string(expected), "\n"), strings.Split(string(got), "\n"))
		})
	}
}

// sameLines fails with the first line that differs; the whole of both would fill a screen for a changed word.
func sameLines(t *testing.T, file string, expected, got []string) {
	t.Helper()
	for i := range max(len(expected), len(got)) {
		if i >= len(expected) || i >= len(got) || expected[i] != got[i] {
			around := func(lines []string) string {
				return strings.Join(lines[min(max(i-4, 0), len(lines)):min(i+3, len(lines))], "\n")
			}
			t.Fatalf("%s:%d differs (`make golden` rewrites it)\nexpected:\n%s\ngot:\n%s", file, i+1, around(expected), around(got))
		}
	}
}

// through is the request as it leaves, in readable OTLP JSON.
func through(t *testing.T, in []byte) []byte {
	var out []byte
	var err error
	if bytes.Contains(in, []byte(`"resourceLogs"`)) {
		out, err = logsThrough(t, in)
	} else {
		out, err = tracesThrough(t, in)
	}
	require.NoError(t, err)
	var readable bytes.Buffer
	require.NoError(t, json.Indent(&readable, out, "", " "))
	return append(readable.Bytes(), '\n')
}

func tracesThrough(t *testing.T, in []byte) ([]byte, error) {
	traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(in)
	require.NoError(t, err)
	g := newGate(t)
	require.NoError(t, g.ConsumeTraces(context.Background(), traces))
	return (&ptrace.JSONMarshaler{}).MarshalTraces(g.sink.AllTraces()[0])
}

func logsThrough(t *testing.T, in []byte) ([]byte, error) {
	logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(in)
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	_, forLogs, err := loadTables(config)
	require.NoError(t, err)
	sink := &consumertest.LogsSink{}
	builder, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	require.NoError(t, newLogsProcessor(config, forLogs, newRefusedMetric(builder), sink).ConsumeLogs(context.Background(), logs))
	return (&plog.JSONMarshaler{}).MarshalLogs(sink.AllLogs()[0])
}
