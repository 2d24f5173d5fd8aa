package accumulate

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/derived"
)

const usage = "gen_ai.client.token.usage"

// derives is what the gateway's own pipeline says each 15 s, once it has spans of the service.
func (r *rig) derives(service string) { r.notes.Note(usage, service, "", r.now) }

func TestServiceWithoutSpansKeepsItsOwn(t *testing.T) {
	r := newRig(t)
	r.derives("another")
	r.sent(r.metrics(point{resource: of("gemini-cli"), name: usage, from: 60, value: 4000}))
	r.flushed().expect(0, 0) // its spans may still come
	r.settled().expect(4000, 0)
	r.sent(r.metrics(point{resource: of("gemini-cli"), name: usage, from: 65, value: 4500}))
	r.flushed()
	r.settled().expect(4500, 500)
}

func TestServiceWithSpansIsCountedByThem(t *testing.T) {
	r := newRig(t)
	r.derives("shop")
	r.sent(r.metrics(point{resource: of("shop"), name: usage, from: 10, value: 1000}))
	r.settled().expect(0, 0)
	if got := r.counted("otelgate.accumulate.dropped"); got[isDerived] != 1 {
		t.Error(got)
	}
}

func TestEarlySpansReplaceMetrics(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("shop"), name: usage, delta: true, from: 10, value: 1000}))
	r.flushed()
	r.derives("shop")
	r.settled().expect(0, 0)
	r.derives("shop")
	r.sent(r.metrics(point{resource: of("shop"), name: usage, delta: true, from: 10, value: 1000}))
	r.settled().expect(0, 0)
}

func TestLateSpansEndTheSeries(t *testing.T) {
	r := newRig(t)
	began := r.now.Add(-10 * time.Second)
	r.sent(r.metrics(point{resource: of("shop"), name: usage, from: 10, value: 1000}))
	r.settled().expect(1000, 1000)
	r.derives("shop")
	r.flushed().expect(0, 1000)
	for range 3 {
		r.derives("shop")
		r.sent(r.metrics(point{resource: of("shop"), name: usage, delta: true, from: 1, value: 5}))
		r.flushed().expect(0, 1000)
	}
	// As after a restart, before the first derived series: the application repeats what it said before.
	r.notes = derived.NewRegistry()
	r.start()
	r.sent(r.metrics(point{resource: of("shop"), name: usage, from: r.now.Sub(began).Seconds(), value: 1000}))
	r.settled().expect(0, 1000)
}

// A histogram is several series in Prometheus, and each of them has to end.
func TestEndOfAHistogramNamesItsBuckets(t *testing.T) {
	r := newRig(t)
	metrics := r.metrics(point{resource: of("shop"), name: usage, from: 10, value: 1})
	metric := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	p := metric.SetEmptyHistogram().DataPoints().AppendEmpty()
	metric.Histogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p.Attributes().PutStr("service.name", "shop")
	p.SetTimestamp(r.ago(0))
	p.SetCount(3)
	p.SetSum(9)
	p.ExplicitBounds().FromRaw([]float64{1, 5})
	p.BucketCounts().FromRaw([]uint64{1, 2, 0})
	r.sent(metrics)
	r.settled()
	r.derives("shop")
	r.sink.Reset()
	r.flushed()
	end := r.sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints().At(0)
	if !end.Flags().NoRecordedValue() || !end.HasSum() || end.ExplicitBounds().Len() != 2 || end.BucketCounts().Len() != 3 {
		t.Error(end.Flags(), end.HasSum(), end.ExplicitBounds().Len(), end.BucketCounts().Len())
	}
}

func TestServiceWithoutNewSpansIsCountedByItsMetricsAgain(t *testing.T) {
	r := newRig(t)
	began := r.now.Add(-10 * time.Second)
	send := func(value int) {
		r.sent(r.metrics(point{resource: of("shop"), name: usage, from: r.now.Sub(began).Seconds(), value: value}))
	}
	send(10)
	r.derives("shop")
	r.settled().expect(0, 0)
	send(20)
	r.derives("shop")
	r.settled().expect(0, 0)
	r.pass(time.Hour)
	send(23) // 20 of them were counted from spans
	r.settled().settled().expect(3, 3)
}

func TestHeldTokensSurviveAKill(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("shop"), name: usage, delta: true, from: 1, value: 5}))
	r.settled()
	r.sent(r.metrics(point{resource: of("shop"), name: usage, delta: true, from: 1, value: 7}))
	r.start()
	r.settled().settled().expect(12, 12)
}
