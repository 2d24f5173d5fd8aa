package accumulate

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// BenchmarkRequest is a request of 100 points, of which every other one rose, without the disk.
func BenchmarkRequest(b *testing.B) {
	r := newRig(b)
	request := pmetric.NewMetrics()
	resource := request.ResourceMetrics().AppendEmpty()
	_ = resource.Resource().Attributes().FromRaw(of("shop", "service.instance.id", "a", "host.name", "h"))
	in := resource.ScopeMetrics().AppendEmpty().Metrics()
	for i := range 100 {
		metric := in.AppendEmpty()
		metric.SetName(fmt.Sprint("metric", i))
		metric.SetEmptySum().SetIsMonotonic(true)
		metric.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := metric.Sum().DataPoints().AppendEmpty()
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(r.now))
		p.Attributes().PutStr("http.route", "/orders")
		p.Attributes().PutStr("service.name", "shop")
	}
	for n := 0; b.Loop(); n++ {
		r.pass(time.Second)
		for i, metric := range in.All() {
			p := metric.Sum().DataPoints().At(0)
			p.SetTimestamp(pcommon.NewTimestampFromTime(r.now))
			p.SetIntValue(int64(n * (i % 2)))
		}
		r.sent(request)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(100*b.N), "ns/point")
}
