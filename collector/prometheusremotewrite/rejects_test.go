package prometheusremotewrite

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"

	"otelgate/collector/rejects"
)

type book struct {
	component.StartFunc
	component.ShutdownFunc
	mu    sync.Mutex
	items []rejects.Item
}

func (b *book) Reject(_ context.Context, item rejects.Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item)
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func TestPointRefusedByPrometheusDoesNotAffectOthers(t *testing.T) {
	var mu sync.Mutex
	taken := map[string]bool{}
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packed, _ := io.ReadAll(r.Body)
		raw, _ := snappy.Decode(nil, packed)
		var request prompb.WriteRequest
		_ = request.Unmarshal(raw)
		var numbers []string
		for _, series := range request.Timeseries {
			for _, label := range series.Labels {
				if label.Name == "n" {
					numbers = append(numbers, label.Value)
				}
				if label.Name == "n" && label.Value == "17" {
					http.Error(w, `bad label {n="17"}`, http.StatusBadRequest)
					return
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for _, number := range numbers {
			taken[number] = true
		}
	}))
	defer prometheus.Close()
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = prometheus.URL
	cfg.QueueBytes = 1_000_000
	id := component.MustNewID("rejects")
	cfg.Rejects = &id
	made, err := factory.CreateMetrics(context.Background(), exporter.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}, cfg)
	require.NoError(t, err)
	rejected := &book{}
	require.NoError(t, made.Start(context.Background(), host{id: rejected}))
	require.NoError(t, made.ConsumeMetrics(context.Background(), gauges(100)))
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(taken) == 99 && rejected.count() == 1
	}, time.Minute, time.Millisecond)
	require.NoError(t, made.Shutdown(context.Background()))
	require.Equal(t, "metrics", rejected.items[0].Signal)
	require.Equal(t, "prometheus_remote_write", rejected.items[0].Store)
	require.NotContains(t, rejected.items[0].Reason, "17")
}
