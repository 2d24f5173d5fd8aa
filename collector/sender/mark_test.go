package sender

import (
	"context"
	"regexp"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

type from struct {
	resource, labels map[string]any
	scope            string
}

// marked is the mark of one point of a counter.
func marked(t *testing.T, f from) string {
	t.Helper()
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	_ = resource.Resource().Attributes().FromRaw(f.resource)
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(f.scope)
	sum := scope.Metrics().AppendEmpty().SetEmptySum()
	sum.SetIsMonotonic(true)
	point := sum.DataPoints().AppendEmpty()
	_ = point.Attributes().FromRaw(f.labels)
	if _, err := mark(context.Background(), metrics); err != nil {
		t.Fatal(err)
	}
	value, _ := point.Attributes().Get(Attribute)
	return value.Str()
}

func TestMarkDistinguishesSenders(t *testing.T) {
	shop := map[string]any{"service.name": "shop"}
	pod := map[string]any{"service.name": "shop", "service.instance.id": "1"}
	first := marked(t, from{shop, map[string]any{"session.id": "a", "x": 1}, "s"})
	if !regexp.MustCompile("^[a-p]{16}$").MatchString(first) {
		t.Error(first)
	}
	if again := marked(t, from{shop, map[string]any{"x": 1, "session.id": "a", Attribute: "forged"}, "s"}); again != first {
		t.Error("the same sender has another mark")
	}
	for name, other := range map[string]from{
		"session": {shop, map[string]any{"session.id": "b", "x": 1}, "s"},
		"scope":   {shop, map[string]any{"session.id": "a", "x": 1}, "other"},
		"host":    {map[string]any{"service.name": "shop", "host.name": "h"}, map[string]any{"session.id": "a", "x": 1}, "s"},
		"pod":     {pod, map[string]any{"session.id": "a", "x": 1}, "s"},
	} {
		if marked(t, other) == first {
			t.Error(name)
		}
	}
	later := map[string]any{"service.name": "shop", "service.instance.id": "1", "k8s.pod.name": "shop-1"}
	if marked(t, from{resource: pod}) != marked(t, from{resource: later}) {
		t.Error("an attribute that was added on the way makes another sender of a process with an instance id")
	}
}

func TestMarksOnlyAdditivePoints(t *testing.T) {
	metrics := pmetric.NewMetrics()
	in := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	var labels []pcommon.Map
	add := func(point interface{ Attributes() pcommon.Map }) {
		point.Attributes().PutStr(Attribute, "forged")
		labels = append(labels, point.Attributes())
	}
	add(in.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty())
	add(in.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty())
	queue := in.AppendEmpty().SetEmptySum()
	queue.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	add(queue.DataPoints().AppendEmpty())
	delta := in.AppendEmpty().SetEmptySum()
	delta.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	add(delta.DataPoints().AppendEmpty())
	add(in.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty())
	add(in.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty())
	if _, err := mark(context.Background(), metrics); err != nil {
		t.Fatal(err)
	}
	for i, each := range labels {
		value, there := each.Get(Attribute)
		if there != (i >= 3) || (there && value.Str() == "forged") {
			t.Errorf("%d: %v", i, each.AsRaw())
		}
	}
}
