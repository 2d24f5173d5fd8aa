package prometheusremotewrite

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func gauges(count int) pmetric.Metrics {
	all := pmetric.NewMetrics()
	metric := all.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("level")
	points := metric.SetEmptyGauge().DataPoints()
	for n := range count {
		point := points.AppendEmpty()
		point.Attributes().PutInt("n", int64(n))
		point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	}
	return all
}

func TestBoundsWaitingBytesAndSendsThemLater(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer prometheus.Close()
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = prometheus.URL
	cfg.QueueBytes = 100_000
	cfg.TimeoutSettings.Timeout = time.Minute
	require.NoError(t, cfg.Validate())
	telemetry := componenttest.NewTelemetry()
	made, err := factory.CreateMetrics(context.Background(),
		exporter.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: telemetry.NewTelemetrySettings()}, cfg)
	require.NoError(t, err)
	require.NoError(t, made.Start(context.Background(), componenttest.NewNopHost()))

	one := gauges(1000)
	size := (&pmetric.ProtoMarshaler{}).MetricsSize(one)
	taken := 0
	for made.ConsumeMetrics(context.Background(), gauges(1000)) == nil {
		taken++
		require.Less(t, taken, 100)
	}
	require.Equal(t, cfg.QueueBytes/int64(size), int64(taken))

	away.Store(false)
	require.NoError(t, made.Shutdown(context.Background()))
	sent, err := telemetry.GetMetric("otelcol_exporter_sent_metric_points")
	require.NoError(t, err)
	var points int64
	for _, each := range sent.Data.(metricdata.Sum[int64]).DataPoints {
		points += each.Value
	}
	require.EqualValues(t, 1000*taken, points, "each once")
}

func TestConfigFaults(t *testing.T) {
	require.EqualError(t, NewFactory().CreateDefaultConfig().(*Config).Validate(), "queue_bytes='0': expected more than 0")
}
