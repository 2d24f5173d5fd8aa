package ownmetrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configtelemetry"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/zap"

	"otelgate/collector/pages"
)

// meters is the telemetry of a Collector, without its own readers, until the test ends.
func meters(t *testing.T, level configtelemetry.Level) telemetry.MeterProvider {
	t.Helper()
	factory := Telemetry(otelconftelemetry.NewFactory())
	cfg := factory.CreateDefaultConfig().(*otelconftelemetry.Config)
	cfg.Metrics.Level, cfg.Metrics.Readers = level, nil
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.instance.id", "one")
	set := telemetry.MeterSettings{Settings: telemetry.Settings{Resource: &resource}, Logger: zap.NewNop()}
	made, err := factory.CreateMeterProvider(context.Background(), set, cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, made.Shutdown(context.Background()))
		current.Store(nil)
	})
	return made
}

// count adds to a counter of the gateway's.
func count(t *testing.T, meters telemetry.MeterProvider, name string, by int64) {
	t.Helper()
	counter, err := meters.Meter("test").Int64Counter(name)
	require.NoError(t, err)
	counter.Add(context.Background(), by)
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// serving is the extension behind `pages`; its address.
func serving(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	checks := pages.NewFactory()
	id := component.NewID(checks.Type())
	check, err := checks.Create(ctx, extensiontest.NewNopSettings(checks.Type()), &pages.Config{LoopbackOnly: true})
	require.NoError(t, err)
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*confighttp.ServerConfig)
	cfg.NetAddr.Endpoint = free(t)
	cfg.Middlewares = []configmiddleware.Config{{ID: id}}
	made, err := factory.Create(ctx, extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, made.Start(ctx, host{id: check}))
	t.Cleanup(func() { require.NoError(t, made.Shutdown(ctx)) })
	return cfg.NetAddr.Endpoint
}

func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// get asks with these headers; "Host" is one of them.
func get(t *testing.T, address, path string, headers map[string]string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Host = headers["Host"]
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func TestMetricsAreServedAsThePrometheusReaderNamesThem(t *testing.T) {
	count(t, meters(t, configtelemetry.LevelNormal), "otelcol_test_items", 3)
	status, body := get(t, serving(t), Path, nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "# TYPE otelcol_test_items counter\notelcol_test_items 3\n") // no suffix, no scope
	require.Contains(t, body, `service_instance_id="one"`)
}

func TestOnlyTheMetricsAreServed(t *testing.T) {
	status, _ := get(t, serving(t), "/", nil)
	require.Equal(t, http.StatusNotFound, status)
}

func TestPagesAndForeignHostsAreRefused(t *testing.T) {
	count(t, meters(t, configtelemetry.LevelNormal), "otelcol_test_items", 3)
	address := serving(t)
	for _, each := range []struct {
		headers map[string]string
		want    int
	}{
		{map[string]string{"Host": "evil.example"}, http.StatusMisdirectedRequest},
		{map[string]string{"Origin": "http://evil.example"}, http.StatusForbidden},
		{map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		{map[string]string{"Host": "localhost"}, http.StatusOK},
	} {
		status, body := get(t, address, Path, each.headers)
		require.Equal(t, each.want, status, each.headers)
		require.Equal(t, each.want == http.StatusOK, strings.Contains(body, "otelcol_test_items"), each.headers)
	}
}

func TestAfterAReloadTheNewTelemetryIsServed(t *testing.T) {
	address := serving(t)
	count(t, meters(t, configtelemetry.LevelNormal), "otelcol_before", 1)
	count(t, meters(t, configtelemetry.LevelNormal), "otelcol_after", 1)
	_, body := get(t, address, Path, nil)
	require.Contains(t, body, "otelcol_after ")
	require.NotContains(t, body, "otelcol_before ")
}

func TestWithoutTelemetryThereAreNoMetrics(t *testing.T) {
	count(t, meters(t, configtelemetry.LevelNone), "otelcol_test_items", 3)
	status, body := get(t, serving(t), Path, nil)
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, body)
}

func TestPortInUseIsAnError(t *testing.T) {
	address := serving(t)
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*confighttp.ServerConfig)
	cfg.NetAddr.Endpoint = address
	made, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, made.Start(context.Background(), host{}), "address already in use")
	require.NoError(t, made.Shutdown(context.Background()))
}
