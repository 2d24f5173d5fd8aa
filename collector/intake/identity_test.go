package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"otelgate/collector/applications"
)

// shop returns the context of a request that the application `shop` sent, and what is refused of it.
func shop(t *testing.T) (context.Context, *Refusals) {
	t.Helper()
	return WithRefusals(sentWith(t, "t"))
}

// sentWith returns the context of a request with a token: `t` is the shop's, `o` the operator's.
func sentWith(t *testing.T, token string) context.Context {
	t.Helper()
	write := func(name, content string) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	factory := applications.NewFactory()
	cfg := factory.CreateDefaultConfig().(*applications.Config)
	cfg.TokenFile = write("token", "o")
	cfg.File = write("applications.yaml", fmt.Sprintf(
		"applications:\n  - name: shop\n    token_sha256: [%x]\n    services: [\"shop-*\"]\n    team: retail\n", sha256.Sum256([]byte("t"))))
	extension, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, extension.Start(context.Background(), nil))
	t.Cleanup(func() { require.NoError(t, extension.Shutdown(context.Background())) })
	ctx, err := extension.(extensionauth.Server).Authenticate(context.Background(), map[string][]string{"authorization": {"Bearer " + token}})
	require.NoError(t, err)
	return ctx
}

func identitySettings(t *testing.T) (processor.Settings, *componenttest.Telemetry) {
	telemetry := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	return set, telemetry
}

// of are the attributes of a resource whose service has this name, as one that poses as another sends them.
func of(resource pcommon.Map, service string) {
	if service != "" {
		resource.PutStr("service.name", service)
	}
	resource.PutStr("otelgate.application", "bank")
	resource.PutStr("otelgate.team", "bankers")
	resource.PutStr("otelgate.cost_center", "cc-1")
	resource.PutStr("otelgate.content", "true")
	resource.PutStr("service_name", "bank") // as Loki writes it
	resource.PutStr("otelgate-application", "bank")
}

func claimed(service string) map[string]any {
	return map[string]any{"service.name": service, "otelgate.application": "shop", "otelgate.team": "retail", "otelgate.content": "true"}
}

// services are what is sent, and under which name it is kept; "" is refused.
var services = []struct{ sent, kept string }{
	{"shop-web", "shop-web"}, {"shop", "shop"}, {"", "shop"}, {"unknown_service", "shop"}, {"unknown_service:python", "shop"},
	{"bank", ""}, {"shopping", ""}, {"otelgate-gateway", ""}, {"otelgate-audit", ""},
}

const foreign = 4

func TestTracesAreHeldToTheirApplication(t *testing.T) {
	set, telemetry := identitySettings(t)
	sink := &consumertest.TracesSink{}
	p, err := NewFactory().CreateTraces(context.Background(), set, NewFactory().CreateDefaultConfig(), sink)
	require.NoError(t, err)
	now := pcommon.NewTimestampFromTime(time.Now())
	sent := func() ptrace.Traces {
		td := ptrace.NewTraces()
		for _, each := range services {
			resource := td.ResourceSpans().AppendEmpty()
			of(resource.Resource().Attributes(), each.sent)
			span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			span.SetTraceID([16]byte{1})
			span.SetSpanID([8]byte{1})
			of(span.Attributes(), "bank")
			of(resource.ScopeSpans().At(0).Scope().Attributes(), "bank")
			span.SetStartTimestamp(now)
			span.SetEndTimestamp(now)
		}
		return td
	}
	ctx, refusals := shop(t)
	require.NoError(t, p.ConsumeTraces(ctx, sent()))
	kept := sink.AllTraces()[0].ResourceSpans()
	at := 0
	for _, each := range services {
		if each.kept != "" {
			require.Equal(t, claimed(each.kept), kept.At(at).Resource().Attributes().AsRaw())
			require.Equal(t, map[string]any{"otelgate.content": "true"}, kept.At(at).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw())
			require.Equal(t, map[string]any{"otelgate.content": "true"}, kept.At(at).ScopeSpans().At(0).Scope().Attributes().AsRaw())
			at++
		}
	}
	require.Equal(t, at, kept.Len())
	requireRefused(t, telemetry, refusals, map[string]int64{"service_name": foreign})

	require.NoError(t, p.ConsumeTraces(context.Background(), sent()))
	require.Equal(t, sent(), sink.AllTraces()[1], "what the operator sends is not changed")
}

func TestRepeatedNamesDoNotHideAnother(t *testing.T) {
	name := func(key, value string) string {
		return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
	}
	sent := func(token, service string) map[string]any {
		attributes := strings.Join([]string{
			name("service.name", service), name("service.name", "bank"), name("otelgate.application", "x"), name("otelgate.application", "bank"),
		}, ",")
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"resource":{"attributes":[` + attributes + `]}}]}`))
		require.NoError(t, err)
		require.Equal(t, 4, td.ResourceSpans().At(0).Resource().Attributes().Len())
		var y tally
		y.ownTraces(sentWith(t, token), td)
		require.Equal(t, 3, td.ResourceSpans().At(0).Resource().Attributes().Len())
		return td.ResourceSpans().At(0).Resource().Attributes().AsRaw()
	}
	want := map[string]any{"service.name": "shop-web", "otelgate.application": "shop", "otelgate.team": "retail"}
	require.Equal(t, want, sent("t", "shop-web"))
	require.Equal(t, want, sent("o", "shop-web"), "of the operator's, too")
}

func TestRefusalNamesTheServiceThatWasClaimed(t *testing.T) {
	set, _ := identitySettings(t)
	core, logged := observer.New(zap.WarnLevel)
	set.Logger = zap.New(core)
	p, err := NewFactory().CreateLogs(context.Background(), set, NewFactory().CreateDefaultConfig(), &consumertest.LogsSink{})
	require.NoError(t, err)
	ld := plog.NewLogs()
	for _, service := range []string{"shop-web", "bank"} {
		resource := ld.ResourceLogs().AppendEmpty()
		of(resource.Resource().Attributes(), service)
		resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	}
	ctx, _ := shop(t)
	require.NoError(t, p.ConsumeLogs(ctx, ld))
	require.Equal(t, "bank", logged.All()[0].ContextMap()["service.name"])
}

func TestOperatorsDataIsSignedForTheServicesApplication(t *testing.T) {
	ctx := sentWith(t, "o")
	forged := map[string]any{"service.name": "shop-web", "otelgate.application": "bank"}
	signed := map[string]any{"service.name": "shop-web", "otelgate.application": "shop", "otelgate.team": "retail"}
	own := map[string]any{"service.name": "otelgate-doctor"}

	td, ld, md := ptrace.NewTraces(), plog.NewLogs(), pmetric.NewMetrics()
	for _, resource := range []pcommon.Resource{td.ResourceSpans().AppendEmpty().Resource(), ld.ResourceLogs().AppendEmpty().Resource(), md.ResourceMetrics().AppendEmpty().Resource()} {
		require.NoError(t, resource.Attributes().FromRaw(forged))
	}
	for _, resource := range []pcommon.Resource{td.ResourceSpans().AppendEmpty().Resource(), ld.ResourceLogs().AppendEmpty().Resource(), md.ResourceMetrics().AppendEmpty().Resource()} {
		require.NoError(t, resource.Attributes().FromRaw(own))
	}
	var y tally
	y.ownTraces(ctx, td)
	y.ownLogs(ctx, ld)
	(&points{}).ownMetrics(ctx, md)
	for at, want := range []map[string]any{signed, own} {
		require.Equal(t, want, td.ResourceSpans().At(at).Resource().Attributes().AsRaw())
		require.Equal(t, want, ld.ResourceLogs().At(at).Resource().Attributes().AsRaw())
		require.Equal(t, want, md.ResourceMetrics().At(at).Resource().Attributes().AsRaw())
	}
}

func TestLogsAreHeldToTheirApplication(t *testing.T) {
	set, telemetry := identitySettings(t)
	sink := &consumertest.LogsSink{}
	p, err := NewFactory().CreateLogs(context.Background(), set, NewFactory().CreateDefaultConfig(), sink)
	require.NoError(t, err)
	ctx, refusals := shop(t)
	ld := plog.NewLogs()
	for _, each := range services {
		resource := ld.ResourceLogs().AppendEmpty()
		of(resource.Resource().Attributes(), each.sent)
		record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		of(record.Attributes(), "bank")
		of(resource.ScopeLogs().At(0).Scope().Attributes(), "bank")
	}
	require.NoError(t, p.ConsumeLogs(ctx, ld))
	require.Equal(t, len(services)-foreign, sink.LogRecordCount())
	web := sink.AllLogs()[0].ResourceLogs().At(0)
	require.Equal(t, claimed("shop-web"), web.Resource().Attributes().AsRaw())
	require.Equal(t, map[string]any{"otelgate.content": "true"}, web.ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw())
	require.Equal(t, map[string]any{"otelgate.content": "true"}, web.ScopeLogs().At(0).Scope().Attributes().AsRaw())
	requireRefused(t, telemetry, refusals, map[string]int64{"service_name": foreign})

	only := plog.NewLogs()
	of(only.ResourceLogs().AppendEmpty().Resource().Attributes(), "bank")
	require.NoError(t, p.ConsumeLogs(ctx, only))
	require.Len(t, sink.AllLogs(), 1, "nothing is passed on where nothing is left")
}

func TestMetricsAreHeldToTheirApplicationAndToNamesThatAreFree(t *testing.T) {
	set, telemetry := identitySettings(t)
	sink := &consumertest.MetricsSink{}
	p, err := NewFactory().CreateMetrics(context.Background(), set, NewFactory().CreateDefaultConfig(), sink)
	require.NoError(t, err)
	ctx, refusals := shop(t)
	md := pmetric.NewMetrics()
	var units map[string]string
	add := func(service string, names ...string) {
		resource := md.ResourceMetrics().AppendEmpty()
		of(resource.Resource().Attributes(), service)
		metrics := resource.ScopeMetrics().AppendEmpty().Metrics()
		for _, name := range names {
			metric := metrics.AppendEmpty()
			metric.SetName(name)
			metric.SetUnit(units[name])
			point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
			point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			point.SetIntValue(1)
			attributes := point.Attributes()
			for _, label := range []string{"service.name", "service_name", "service__name", "service_.name", "_job", "job", "instance", "otelgate.application", "otelgate__team", "color"} {
				attributes.PutStr(label, "bank")
			}
		}
	}
	free := []string{"demo.answers", "gen_ai.client.token.usage", "otelgate.sdk.dropped", "uptime", "up.time", "alerts", "probes"}
	taken := []string{"otelgate.call.cost", "otelgate_run_count", "otelgate-call", "otelcol_receiver_accepted_spans", "probe_success", "up", "ALERTS", "ALERTS_FOR_STATE", "target_info", "target.info", "scrape_samples_scraped", "_up", ".otelgate.call.cost", "otelgate__run", "level:up:rate5m"}
	units = map[string]string{"target": "info", "otelgate": "llm_cost_usd", "probe": "success"} // the exporter appends them
	for name := range units {
		taken = append(taken, name)
	}
	add("shop-web", append(append([]string{}, free...), taken...)...)
	add("bank", "demo.answers", "otelgate.call.cost")
	require.NoError(t, p.ConsumeMetrics(ctx, md))
	kept := sink.AllMetrics()[0]
	require.Equal(t, 1, kept.ResourceMetrics().Len())
	require.Equal(t, claimed("shop-web"), kept.ResourceMetrics().At(0).Resource().Attributes().AsRaw())
	var names []string
	for _, metric := range kept.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		names = append(names, metric.Name())
		require.Equal(t, map[string]any{"color": "bank"}, metric.Gauge().DataPoints().At(0).Attributes().AsRaw(), metric.Name())
	}
	require.Equal(t, free, names)
	requireRefused(t, telemetry, refusals, map[string]int64{"service_name": 2, "reserved_name": int64(len(taken))})
}

func requireRefused(t *testing.T, telemetry *componenttest.Telemetry, refusals *Refusals, want map[string]int64) {
	t.Helper()
	got, err := telemetry.GetMetric("otelgate.intake.items")
	require.NoError(t, err)
	counted, sum := map[string]int64{}, int64(0)
	for _, point := range got.Data.(metricdata.Sum[int64]).DataPoints {
		reason, _ := point.Attributes.Value("reason")
		counted[reason.AsString()] = point.Value
		sum += point.Value
	}
	require.Equal(t, want, counted)
	items, _ := refusals.Items()
	require.Equal(t, sum, items)
}
