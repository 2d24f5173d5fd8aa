package rejects

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func started(t *testing.T, folder string, most int64) (*book, *componenttest.Telemetry) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	b, err := newBook(&Config{Directory: folder, MaxBytes: most}, telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	require.NoError(t, b.Start(context.Background(), nil))
	t.Cleanup(func() { require.NoError(t, b.Shutdown(context.Background())) })
	return b, telemetry
}

func linesOf(t *testing.T, path string) (items []Item) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, line := range bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n")) {
		var item Item
		if json.Unmarshal(line, &item) == nil {
			items = append(items, item)
		}
	}
	return items
}

func TestRejectedItemIsOneLineAndCounts(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	b, telemetry := started(t, folder, leastBytes)
	item := Item{Time: time.Unix(1, 0).UTC(), Signal: "traces", Store: "otlp_grpc/tempo", Application: "shop", Service: "shop-web", Reason: "no", Bytes: 7, TraceID: "aa", SpanID: "bb"}
	b.Reject(context.Background(), item)
	require.Equal(t, []Item{item}, linesOf(t, filepath.Join(folder, File)))
	info, err := os.Stat(filepath.Join(folder, File))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	counted, err := telemetry.GetMetric("otelgate.rejected.items")
	require.NoError(t, err)
	point := counted.Data.(metricdata.Sum[int64]).DataPoints[0]
	require.EqualValues(t, 1, point.Value)
	require.Equal(t, 3, point.Attributes.Len())
}

func TestFilesStayWithinTheirBytes(t *testing.T) {
	folder := t.TempDir()
	b, _ := started(t, folder, leastBytes)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				b.Reject(context.Background(), Item{Reason: strings.Repeat("r", 100)})
			}
		})
	}
	all.Wait()
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 2)
	var total int64
	for _, each := range files {
		info, err := each.Info()
		require.NoError(t, err)
		total += info.Size()
		require.NotEmpty(t, linesOf(t, filepath.Join(folder, each.Name())))
	}
	require.LessOrEqual(t, total, int64(leastBytes))
}

func TestTruncatedLineDoesNotAffectOthers(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, File), []byte(`{"time":"20`), 0o644))
	b, _ := started(t, folder, leastBytes)
	b.Reject(context.Background(), Item{Reason: "whole"})
	require.Len(t, linesOf(t, filepath.Join(folder, File)), 1)
	info, err := os.Stat(filepath.Join(folder, File))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestReasonHidesWordsOfTheItem(t *testing.T) {
	for _, each := range []struct{ said, item, want string }{
		{"rpc error: code = InvalidArgument desc = trace ids must be 128 bit", "hello", "trace ids must be 128 bit"},
		{`entry "my card is 4111111111111111" too far behind`, "My Card ending", `entry "my … is …" too far behind`},
		{"label nope=Jürgen: limit 5000", "a jürgen b", "label nope=…: limit 5000"},
		{"cut off secre", "secret", "cut off …"},
	} {
		require.Equal(t, each.want, ReasonOf(each.said, []byte(each.item)))
	}
	require.Equal(t, longestReason+1, len([]rune(ReasonOf(strings.Repeat("ab ", 1000), nil))))
}

func TestFaultsOfTheConfigurationAreNamed(t *testing.T) {
	require.EqualError(t, (&Config{MaxBytes: 1}).Validate(), "directory='': expected a folder\nmax_bytes='1': expected at least 4096")
	cfg := defaultConfig().(*Config)
	cfg.Directory = "somewhere"
	require.NoError(t, cfg.Validate())
	require.EqualValues(t, 16<<20, cfg.MaxBytes)
}
