package derived

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
)

func TestNotesHoldForAMinute(t *testing.T) {
	r, now := NewRegistry(), time.Now()
	r.Note("tokens", "shop", "prod", now)
	for _, c := range []struct {
		metric, service, environment string
		after                        time.Duration
		want                         bool
	}{
		{"tokens", "shop", "prod", time.Minute, true},
		{"tokens", "shop", "prod", time.Minute + 1, false},
		{"tokens", "shop", "", 0, false},
		{"tokens", "other", "prod", 0, false},
		{"duration", "shop", "prod", 0, false},
	} {
		if got := r.Derives(c.metric, c.service, c.environment, now.Add(c.after)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	r.Note("tokens", "other", "", now.Add(2*time.Minute))
	if len(r.seen) != 1 {
		t.Errorf("%d notes", len(r.seen))
	}
}

func TestProcessorRecordsMetrics(t *testing.T) {
	metrics := pmetric.NewMetrics()
	in := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	counter, duration := in.AppendEmpty(), in.AppendEmpty()
	counter.SetName("calls")
	counter.SetEmptySum().DataPoints().AppendEmpty().Attributes().PutStr("service.name", "noted")
	duration.SetName("duration")
	labels := duration.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes()
	labels.PutStr("service.name", "noted")
	labels.PutStr("deployment.environment.name", "prod")
	sink := &consumertest.MetricsSink{}
	set := processor.Settings{ID: component.MustNewID("derived"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	made, err := NewFactory().CreateMetrics(context.Background(), set, &struct{}{}, sink)
	if err == nil {
		err = made.ConsumeMetrics(context.Background(), metrics)
	}
	if err != nil || sink.DataPointCount() != 2 {
		t.Fatal(err, sink.DataPointCount())
	}
	now := time.Now()
	if !Process.Derives("calls", "noted", "", now) || !Process.Derives("duration", "noted", "prod", now) {
		t.Error("not noted")
	}
}
