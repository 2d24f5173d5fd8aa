package sender

import (
	"context"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Attribute holds the mark. A client's value under this name is replaced.
const Attribute = "otelgate.sender"

func mark(_ context.Context, metrics pmetric.Metrics) (pmetric.Metrics, error) {
	for _, resource := range metrics.ResourceMetrics().All() {
		from := origin(resource.Resource().Attributes())
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				markMetric(from, scope.Scope(), metric)
			}
		}
	}
	return metrics, nil
}

// origin tells processes apart: by their instance id, where they have one, since other attributes can be added on
// the way after the first points; else by all that is known of them.
func origin(resource pcommon.Map) pdatautil.HashOption {
	if text(resource, "service.instance.id") == "" {
		return pdatautil.WithMap(resource)
	}
	identity := pcommon.NewMap()
	for _, name := range []string{"service.namespace", "service.name", "service.instance.id"} {
		identity.PutStr(name, text(resource, name))
	}
	return pdatautil.WithMap(identity)
}

func text(of pcommon.Map, name string) string {
	value, ok := of.Get(name)
	if !ok {
		return ""
	}
	return value.AsString()
}

func markMetric(from pdatautil.HashOption, scope pcommon.InstrumentationScope, metric pmetric.Metric) {
	put := func(attributes pcommon.Map) {
		attributes.Remove(Attribute)
		attributes.PutStr(Attribute, letters(pdatautil.Hash64(from,
			pdatautil.WithString(scope.Name()), pdatautil.WithString(scope.Version()), pdatautil.WithMap(scope.Attributes()),
			pdatautil.WithString(metric.Name()), pdatautil.WithString(metric.Unit()), pdatautil.WithMap(attributes))))
	}
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		for _, point := range metric.Gauge().DataPoints().All() {
			point.Attributes().Remove(Attribute)
		}
	case pmetric.MetricTypeSummary:
		for _, point := range metric.Summary().DataPoints().All() {
			point.Attributes().Remove(Attribute)
		}
	case pmetric.MetricTypeSum:
		for _, point := range metric.Sum().DataPoints().All() {
			if Accumulates(metric) {
				put(point.Attributes())
			} else {
				point.Attributes().Remove(Attribute)
			}
		}
	case pmetric.MetricTypeHistogram:
		for _, point := range metric.Histogram().DataPoints().All() {
			put(point.Attributes())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, point := range metric.ExponentialHistogram().DataPoints().All() {
			put(point.Attributes())
		}
	}
}

// Accumulates says whether a sum adds up over processes: all but readings, as cumulative sums are that also fall.
func Accumulates(metric pmetric.Metric) bool {
	sum := metric.Sum()
	return sum.IsMonotonic() || sum.AggregationTemporality() != pmetric.AggregationTemporalityCumulative
}

// letters spells a number without digits: masking takes long runs of those for cards and phones.
func letters(number uint64) string {
	var spelt [16]byte
	for i := range spelt {
		spelt[i] = 'a' + byte(number>>(4*i)&15)
	}
	return string(spelt[:])
}
