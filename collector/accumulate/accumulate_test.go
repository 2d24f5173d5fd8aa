package accumulate

import (
	"fmt"
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestDeltasAddUpFromZero(t *testing.T) {
	r := newRig(t)
	for _, tokens := range []int{100, 250, 50} {
		r.sent(r.metrics(point{resource: of("shop"), delta: true, from: 10, value: tokens}))
		r.flushed().pass(9 * time.Second)
	}
	r.expect(400, 400)
	for name := range r.written() {
		if name != "tokens gateway-1 map[service.name:shop]" {
			t.Error(name)
		}
	}
}

// A process can send through two gateways: both get the same cumulative points, but each only a part of the deltas.
func TestGatewaysKeepTheirPartsOfDeltasApart(t *testing.T) {
	r := newRig(t)
	id := []string{"service.instance.id", "pod-1"}
	r.sent(r.metrics(
		point{resource: of("shop", id...), delta: true, from: 1, value: 5},
		point{resource: of("shop", id...), from: 1, value: 5},
	))
	r.flushed()
	for _, name := range []string{
		"tokens pod-1 map[otelgate.gateway:gateway-1 service.name:shop]", "tokens pod-1 map[service.name:shop]",
	} {
		if len(r.written()[name]) == 0 {
			t.Errorf("%s is not among %v", name, r.written())
		}
	}
}

func TestIdleSessionsAddNothing(t *testing.T) {
	r := newRig(t)
	start := 60.0
	for range 5 {
		for session, tokens := range map[string]int{"a": 1000, "b": 10} {
			r.sent(r.metrics(point{resource: of("claude-code", "session.id", session), from: start, value: tokens}))
			r.pass(1500 * time.Millisecond)
			start += 1.5
		}
		r.flushed()
		start++
	}
	r.settled().expect(1010, 0)
}

func TestProcessesThatDifferInStartTimeOnlyAddUp(t *testing.T) {
	r := newRig(t)
	for i := range 4 {
		r.sent(r.metrics(
			point{resource: of("shop"), from: float64(10*i + 10), value: 100 * (i + 1)},
			point{resource: of("shop"), from: float64(10*i + 5), value: i + 1},
		))
		r.flushed().pass(9 * time.Second)
	}
	r.expect(404, 404)
}

func TestForksWithOneStartTimeAddUp(t *testing.T) {
	r := newRig(t)
	began := 5.0
	for _, tokens := range []int{1000, 10, 1001, 1005, 1001, 2000} { // two processes in turn; the second overtakes the first
		r.sent(r.metrics(point{resource: of("shop"), from: began, value: tokens}))
		r.flushed()
		began++
	}
	r.expect(3001, 3001)
}

func TestRestartedSenderContinues(t *testing.T) {
	for name, instance := range map[string][]string{"with id": {"service.instance.id", "pod-1"}, "without": nil} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.sent(r.metrics(point{resource: of("shop", instance...), from: 5, value: 100}))
			r.flushed()
			r.sent(r.metrics(point{resource: of("shop", instance...), from: 0.5, value: 7}))
			r.flushed().expect(107, 107)
		})
	}
}

func TestFallingSenderWithoutStartTimeRestarted(t *testing.T) {
	r := newRig(t)
	for _, tokens := range []int{100, 130, 20, 25} {
		r.sent(r.metrics(point{resource: of("shop", "service.instance.id", "a"), value: tokens}))
		r.settled()
	}
	r.expect(155, 55)
}

func TestUnknownStartAddsNothing(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("shop"), value: 100, from: 1e-9})) // start and time differ by 1 ns: known
	first := r.metrics(point{resource: of("old"), value: 5000})
	at := first.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0)
	at.SetStartTimestamp(at.Timestamp())
	start := at.Timestamp()
	r.sent(first)
	r.settled()
	next := r.metrics(point{resource: of("old"), value: 5003})
	next.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).SetStartTimestamp(start)
	r.sent(next)
	r.settled().expect(5103, 103)
}

func TestSenderOlderThanStateAddsNothing(t *testing.T) {
	r := newRig(t)
	old := (2 * time.Hour).Seconds()
	r.sent(r.metrics(point{resource: of("shop", "service.instance.id", "a"), from: old, value: 1_000_000}))
	r.settled()
	r.sent(r.metrics(point{resource: of("shop", "service.instance.id", "a"), from: old + 4, value: 1_000_005}))
	r.flushed().expect(1_000_005, 5)
}

func TestKilledGatewayContinues(t *testing.T) {
	r := newRig(t)
	send := func(age float64, cumulative, delta int) {
		r.sent(r.metrics(
			point{resource: of("c"), from: age, value: cumulative},
			point{resource: of("d"), delta: true, from: 1, value: delta},
		))
	}
	send(1, 10, 3)
	r.flushed()
	send(2, 20, 3)
	r.start() // killed before a flush
	r.flushed()
	r.pass(time.Minute)
	send(63, 25, 3)
	r.flushed().expect(34, 34)
}

func TestResentRequestCountsOnce(t *testing.T) {
	r := newRig(t)
	request := r.metrics(
		point{resource: of("c"), from: 5, value: 10},
		point{resource: of("d"), delta: true, from: 5, value: 3},
	)
	r.sent(request)
	r.sent(request)
	r.start()
	r.sent(request)
	r.flushed().expect(13, 13)
	if got := r.counted("otelgate.accumulate.dropped")[isResent]; got != 2 {
		t.Errorf("%d resent since the restart", got)
	}
}

func (r *rig) deltas(first, count int) pmetric.Metrics {
	points := make([]point, count)
	for i := range points {
		from := float64(1000 - first - i)
		points[i] = point{resource: of("d"), delta: true, from: from, to: from - 1, value: 1}
	}
	return r.metrics(points...)
}

func TestRequestWithMoreDeltasThanASeriesRemembersCountsOnce(t *testing.T) {
	r := newRig(t)
	request := r.deltas(0, 3*maxCounted)
	r.sent(request)
	r.sent(request)
	r.sent(r.deltas(3*maxCounted, 2*maxCounted)) // others come between
	r.sent(request)
	r.flushed().expect(5*maxCounted, 5*maxCounted)
	if got := r.counted("otelgate.accumulate.dropped")[isResent]; got != 6*maxCounted {
		t.Errorf("%d resent", got)
	}
}

func TestCountsPointsAddedToEarlierRequest(t *testing.T) {
	r := newRig(t)
	r.sent(r.deltas(0, 3))
	r.sent(r.deltas(0, 5))
	r.flushed().expect(5, 5)
}

func TestLateDeltasCount(t *testing.T) {
	r := newRig(t)
	older := r.metrics(point{resource: of("d"), delta: true, from: 10, to: 5, value: 3})
	r.sent(r.metrics(point{resource: of("d"), delta: true, from: 5, value: 4}))
	r.flushed()
	r.sent(older)
	r.sent(older)
	r.flushed().expect(7, 7)
}

func TestLateCumulativePointsChangeNothing(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("c"), from: 20, value: 10}))
	r.sent(r.metrics(point{resource: of("c"), from: 20, to: 10, value: 4}))
	r.flushed().expect(10, 10)
	if got := r.counted("otelgate.accumulate.dropped"); got[late] != 1 {
		t.Error(got)
	}
}

func TestFullDiskRefusesAndCountsOnceWhenSentAgain(t *testing.T) {
	r := newRig(t)
	request := r.metrics(point{resource: of("d"), delta: true, from: 5, value: 3})
	r.disk.full = true
	if err := r.send(request); err == nil {
		t.Fatal("acknowledged without being stored")
	}
	r.flushed().expect(0, 0)
	r.disk.full = false
	r.sent(request)
	r.flushed().expect(3, 3)
	if got := r.counted("otelgate.accumulate.refused")[""]; got != 1 {
		t.Error(got)
	}
}

func TestOtherMetricsPass(t *testing.T) {
	r := newRig(t)
	metrics := r.metrics(point{resource: of("shop"), value: 1, from: 1})
	in := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	in.AppendEmpty().SetName("gauge")
	in.At(1).SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(7)
	up := in.AppendEmpty()
	up.SetName("queue")
	up.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	up.Sum().DataPoints().AppendEmpty().SetIntValue(-3)
	in.AppendEmpty().SetName("summary")
	in.At(3).SetEmptySummary().DataPoints().AppendEmpty().SetCount(5)
	r.sent(metrics)
	if len(r.sink.AllMetrics()) != 1 {
		t.Fatal(len(r.sink.AllMetrics()))
	}
	passed := r.sink.AllMetrics()[0].ResourceMetrics().At(0)
	if _, there := passed.Resource().Attributes().Get("service.instance.id"); there {
		t.Error("a reading got the gateway's name")
	}
	var names []string
	for _, metric := range passed.ScopeMetrics().At(0).Metrics().All() {
		names = append(names, metric.Name())
	}
	if fmt.Sprint(names) != "[gauge queue summary]" {
		t.Error(names)
	}
}

func TestCountsRefusedPointsAndKeepsNeighbours(t *testing.T) {
	r := newRig(t)
	metrics := r.metrics(
		point{resource: of("good"), delta: true, from: 1, value: 5},
		point{resource: of("nan"), delta: true, from: 1, value: math.NaN()},
		point{resource: of("infinite"), from: 1, value: math.Inf(1)},
		point{resource: of("negative"), from: 1, value: -1},
		point{resource: of("unknown"), from: 1, value: 1},
		point{resource: of("empty"), from: 1},
	)
	sum := func(i int) pmetric.Metric {
		return metrics.ResourceMetrics().At(i).ScopeMetrics().At(0).Metrics().At(0)
	}
	sum(4).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityUnspecified)
	for i, counts := range [][]uint64{{1, 2}, {1, 2, 3, 4}} {
		m := sum(0)
		if i == 1 {
			m = metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
		} else {
			m = metrics.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		}
		m.SetName("buckets")
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p := m.Histogram().DataPoints().AppendEmpty()
		p.BucketCounts().FromRaw(counts)
		p.ExplicitBounds().FromRaw([]float64{1, 1, 2})
	}
	r.sent(metrics)
	r.refused(7, notANumber)
	r.flushed().expect(5, 5)
	want := map[string]int64{notANumber: 4, noTemporality: 1, malformed: 2}
	if got := r.counted("otelgate.accumulate.dropped"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, expected %v", got, want)
	}
}

func TestQuietDeltasAreRepeatedAndEnd(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("d"), delta: true, from: 1, value: 5}, point{resource: of("c"), from: 1, value: 5}))
	r.flushed()
	times := func(service string) int {
		return len(r.written()[fmt.Sprintf("tokens gateway-1 map[service.name:%s]", service)])
	}
	before := times("c")
	for range 4 {
		r.pass(15 * time.Second)
		r.flushed()
	}
	if times("d") != 6 || times("c") != before {
		t.Errorf("%d of deltas, %d of a cumulative sender that ended", times("d"), times("c"))
	}
	r.pass(r.cfg.QuietFor)
	after := times("d")
	r.flushed()
	if times("d") != after {
		t.Error("repeated for ever")
	}
	r.sent(r.metrics(point{resource: of("d"), delta: true, from: 1, value: 5}))
	r.flushed().expect(15, 15)
}

func TestRepeatedSeriesDoNotReportApplicationAsUp(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("d", "service.version", "2"), delta: true, from: 1, value: 5}))
	r.flushed()
	r.pass(15 * time.Second)
	r.flushed()
	for i, want := range []int{3, 2} { // of service.name, service.version and the gateway's instance id
		if got := r.sink.AllMetrics()[i].ResourceMetrics().At(0).Resource().Attributes(); got.Len() != want {
			t.Errorf("%d: %v", i, got.AsRaw())
		}
	}
}

func TestSenderEndsItsSeries(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("c", "service.instance.id", "a"), from: 1, value: 5}))
	r.flushed()
	end := r.metrics(point{resource: of("c", "service.instance.id", "a"), from: 2, value: 0})
	end.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).
		SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	r.sent(end)
	r.flushed().expect(0, 5)
}

func TestExemplarsGoAlong(t *testing.T) {
	r := newRig(t)
	metrics := r.metrics(point{resource: of("shop"), delta: true, from: 1, value: 5})
	exemplars := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).Exemplars()
	for i := range maxExemplars + 4 {
		exemplars.AppendEmpty().SetTraceID(pcommon.TraceID{byte(i + 1)})
	}
	r.sent(metrics)
	r.flushed()
	points := r.sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
	if got := points.At(1).Exemplars(); got.Len() != maxExemplars || got.At(0).TraceID()[0] != 5 {
		t.Error(got.Len())
	}
}
