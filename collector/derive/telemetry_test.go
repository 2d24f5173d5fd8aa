package derive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	upstream "go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// own is what the connector says of itself: values by attribute, zeros left out.
func own(t *testing.T, telemetry *componenttest.Telemetry, name string) string {
	t.Helper()
	found, err := telemetry.GetMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	var points []metricdata.DataPoint[int64]
	switch data := found.Data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	}
	counts := map[string]int64{}
	for _, point := range points {
		if point.Value != 0 {
			attribute, _ := point.Attributes.Get(0)
			counts[attribute.Value.AsString()] += point.Value
		}
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%s=%d", key, counts[key]))
	}
	return strings.Join(lines, " ")
}

func TestConnectorReportsItsOwnMetrics(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = telemetry.Shutdown(context.Background()) })
	r := newRigWith(t, ofSpan, func(c *Config) {
		c.MaxSeries = 1
		c.Exclude = []string{"gen_ai.client.*", "otelgate.llm.output.rate"}
	}, telemetry.NewTelemetrySettings())
	for id, agent := range []string{"a", "b", "c"} {
		traces, _ := trace(uint64(id+1), map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent})
		r.spans(traces)
		r.spans(traces)
	}
	refunded, _ := trace(9, chat(map[string]any{"otelgate.cost.usd": -1.0}))
	r.spans(refunded)
	for name, want := range map[string]string{
		"otelgate.derive.series":   "gen_ai.invoke_agent.duration=1 otelgate.call.count=1 otelgate.run.count=1",
		"otelgate.derive.overflow": "gen_ai.invoke_agent.duration=2 otelgate.run.count=2",
		"otelgate.derive.invalid":  "otelgate.call.cost=1 otelgate.llm.cost=1",
		"otelgate.derive.resent":   "span=3",
	} {
		if got := own(t, telemetry, name); got != want {
			t.Errorf("%s: %s, expected %s", name, got, want)
		}
	}
	if err := r.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestFactory(t *testing.T) {
	factory := NewFactory()
	if factory.Type() != component.MustNewType("derive") {
		t.Error(factory.Type())
	}
	set := upstream.Settings{ID: component.MustNewID("derive"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.InstanceID = "gateway-1"
	traces, err := factory.CreateTracesToMetrics(context.Background(), set, cfg, consumertest.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	logs, err := factory.CreateLogsToMetrics(context.Background(), set, cfg, consumertest.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []component.Component{traces, logs} {
		if err := made.Start(context.Background(), componenttest.NewNopHost()); err != nil {
			t.Error(err)
		}
		if err := made.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	// A file that is no list stops the start.
	cfg.MetricsFile = file(t, "metrics: [{name: a, kind: sum, signal: span, value: count}]")
	_, err = factory.CreateTracesToMetrics(context.Background(), set, cfg, consumertest.NewNop())
	want := "metrics_file='" + cfg.MetricsFile + "': metrics::a::kind='sum': expected one of counter, histogram"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, expected %s", err, want)
	}
}
