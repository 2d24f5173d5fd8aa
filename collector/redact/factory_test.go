package redact

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"
)

func TestFactory(t *testing.T) {
	factory, ctx := NewFactory(), context.Background()
	set := processortest.NewNopSettings(factory.Type())
	cfg := factory.CreateDefaultConfig().(*Config)
	if err := componenttest.CheckConfigStruct(cfg); err != nil {
		t.Error(err)
	}
	if cfg.Content != contentNone {
		t.Errorf("default content is %q", cfg.Content)
	}
	sink := new(consumertest.TracesSink)
	traces, err := factory.CreateTraces(ctx, set, cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	td, _ := oneSpan(map[string]any{"input.value": "hi", "session.id": "s-1"})
	if err := traces.ConsumeTraces(ctx, td); err != nil {
		t.Fatal(err)
	}
	kept := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	same(t, "attributes", kept.AsRaw(), map[string]any{"session.id": "s-1"})
	same(t, "mutates", traces.Capabilities().MutatesData, true)

	logs, err := factory.CreateLogs(ctx, set, cfg, consumertest.NewNop())
	if err != nil || logs.ConsumeLogs(ctx, plog.NewLogs()) != nil {
		t.Error(err)
	}
	metrics, err := factory.CreateMetrics(ctx, set, cfg, consumertest.NewNop())
	if err != nil || metrics.ConsumeMetrics(ctx, pmetric.NewMetrics()) != nil {
		t.Error(err)
	}
	full := *cfg
	full.Content = contentFull
	traces, err = factory.CreateTraces(ctx, set, &full, sink)
	if err != nil || traces.Capabilities().MutatesData {
		t.Error("full has the data copied for nothing", err)
	}
	full.PolicyFile = "missing.yaml"
	if _, err = factory.CreateTraces(ctx, set, &full, sink); err == nil {
		t.Error("a missing policy file was taken")
	}
}
