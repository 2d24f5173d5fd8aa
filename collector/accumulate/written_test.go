package accumulate

import (
	"fmt"
	"sort"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/derived"
)

type sample struct {
	at    int64
	value float64
	ended bool
}

// written is all that was written so far, by series; numbers, and counts of histograms.
func (r *rig) written() map[string][]sample {
	found := map[string][]sample{}
	for _, metrics := range r.sink.AllMetrics() {
		for _, resource := range metrics.ResourceMetrics().All() {
			instance := derived.Label(resource.Resource().Attributes(), "service.instance.id")
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					samples(metric, func(labels pcommon.Map, s sample) {
						name := fmt.Sprint(metric.Name(), " ", instance, " ", labels.AsRaw())
						found[name] = append(found[name], s)
					})
				}
			}
		}
	}
	for _, each := range found {
		sort.SliceStable(each, func(i, j int) bool { return each[i].at < each[j].at })
	}
	return found
}

func samples(metric pmetric.Metric, each func(pcommon.Map, sample)) {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		for _, p := range metric.Sum().DataPoints().All() {
			v := p.DoubleValue()
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				v = float64(p.IntValue())
			}
			each(p.Attributes(), sample{int64(p.Timestamp()), v, p.Flags().NoRecordedValue()})
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range metric.Histogram().DataPoints().All() {
			each(p.Attributes(), sample{int64(p.Timestamp()), float64(p.Count()), p.Flags().NoRecordedValue()})
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range metric.ExponentialHistogram().DataPoints().All() {
			each(p.Attributes(), sample{int64(p.Timestamp()), float64(p.Count()), p.Flags().NoRecordedValue()})
		}
	}
}

// total is the sum of the last values, increase what rose since the first samples, as Prometheus counts a fall: from zero.
func (r *rig) total() (total, increase float64, falls int) {
	for _, each := range r.written() {
		last := each[len(each)-1]
		if !last.ended {
			total += last.value
		}
		for i := 1; i < len(each); i++ {
			switch before := each[i-1]; {
			case each[i].ended || before.ended:
			case each[i].value < before.value:
				falls++
				increase += each[i].value
			default:
				increase += each[i].value - before.value
			}
		}
	}
	return total, increase, falls
}

func (r *rig) expect(total, increase float64) {
	r.t.Helper()
	gotTotal, gotIncrease, falls := r.total()
	if !near(gotTotal, total) || !near(gotIncrease, increase) || falls != 0 {
		r.t.Errorf("total %v, increase %v, %d falls; expected %v, %v, none: %v", gotTotal, gotIncrease, falls, total, increase, r.written())
	}
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }
