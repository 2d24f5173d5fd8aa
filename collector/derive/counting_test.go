package derive

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestResentSpansCountOnce(t *testing.T) {
	r := newPlain(t, func(c *Config) { c.Resent.For = time.Minute })
	for range 3 {
		r.send(1, "a", 0.25)
		r.now = r.now.Add(20 * time.Second)
	}
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +60000ms 1")
	if got := r.again.Load(); got != 2 {
		t.Errorf("%d resent", got)
	}
	// Forgotten after at most twice the time.
	r.now = r.now.Add(2 * time.Minute)
	r.send(1, "a", 0.25)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +180000ms 2")
}

func TestSameIdsOfAnotherApplicationCount(t *testing.T) {
	r := newPlain(t, nil)
	for _, application := range []string{"thief", "shop", "shop", ""} {
		traces, _ := trace(1, map[string]any{"kind": "a", "n": 0.25})
		if application != "" {
			traces.ResourceSpans().At(0).Resource().Attributes().PutStr("otelgate.application", application)
		}
		r.spans(traces)
	}
	if got := r.again.Load(); got != 1 {
		t.Errorf("%d resent, want the shop's second", got)
	}
	e := newRig(t, ofEvent, nil)
	for _, application := range []string{"thief", "shop", "shop"} {
		logs, _ := event(1, "search", map[string]any{"otelgate.event.name": "search", "log.record.uid": "01J0"})
		logs.ResourceLogs().At(0).Resource().Attributes().PutStr("otelgate.application", application)
		e.events(logs)
	}
	if got := e.again.Load(); got != 1 {
		t.Errorf("%d events resent, want the shop's second", got)
	}
}

func TestSpansWithoutIdsAllCount(t *testing.T) {
	r := newPlain(t, nil)
	r.send(0, "a", 0.25)
	r.send(0, "a", 0.25)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +0ms 2")
}

func TestResentEventsCountOnce(t *testing.T) {
	r := newRig(t, ofEvent, nil)
	attributes := map[string]any{"otelgate.event.name": "search"}
	first, _ := event(1, "search", attributes)
	later, _ := event(2, "search", attributes)
	r.events(first)
	r.events(first)
	r.events(later)
	same(t, r.flushed(false), "otelgate.event.count{event.name=search,service.name=shop} +-1ms 0",
		"otelgate.event.count{event.name=search,service.name=shop} +0ms 2")

	// With log.record.uid two events may be alike in all else, and one that was touched is itself.
	attributes["log.record.uid"] = "01J0"
	one, _ := event(3, "search", attributes)
	r.events(one)
	_, moved := event(4, "search", attributes)
	moved.CopyTo(one.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
	r.events(one)
	attributes["log.record.uid"] = "01J1"
	two, _ := event(3, "search", attributes)
	r.events(two)
	same(t, r.flushed(false), "otelgate.event.count{event.name=search,service.name=shop} +2ms 4")
}

func TestOverflow(t *testing.T) {
	r := newPlain(t, func(c *Config) { c.MaxSeries = 3 })
	for i := range uint64(10) {
		r.send(i+1, fmt.Sprintf("k%d", i), 0.5)
	}
	r.send(11, "k0", 0.5) // what has a series keeps it
	r.flushed(false)
	same(t, only(r.flushed(true), "test.count"),
		"test.count{kind=k0} +2ms 1", "test.count{kind=k1} +2ms 0.5", "test.count{kind=k2} +2ms 0.5",
		"test.count{otel.metric.overflow=true} +2ms 3.5")
	for _, m := range r.plan.metrics {
		if live, over := m.series.Live(), m.series.overflowed.Load(); live != 3 || over != 7 {
			t.Errorf("%s: %d live, %d overflowed", m.name, live, over)
		}
	}
}

func TestIdleSeriesExpire(t *testing.T) {
	r := newPlain(t, func(c *Config) { c.MaxSeries = 2; c.ExpireAfter = time.Minute })
	r.send(1, "a", 0.5)
	r.send(2, "b", 0.5)
	r.flushed(false)
	r.now = r.now.Add(45 * time.Second)
	r.send(3, "b", 0.5)
	same(t, only(r.flushed(true), "test.count"), "test.count{kind=a} +45000ms 0.5", "test.count{kind=b} +45000ms 1")
	r.now = r.now.Add(20 * time.Second)
	same(t, only(r.flushed(true), "test.count"), "test.count{kind=b} +65000ms 1")
	if got := r.plan.metrics[0].series.expired.Load(); got != 1 {
		t.Errorf("%d expired", got)
	}
	// Its place is free, and it starts again with a zero and a new start time.
	r.now = r.now.Add(time.Second)
	r.send(4, "a", 0.25)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=a} +65999ms 0", "test.count{kind=a} +66000ms 0.25")
	if start := r.find("test.count").Sum().DataPoints().At(1).StartTimestamp(); offset(start) != 65999 {
		t.Errorf("starts at %d", offset(start))
	}
}

func TestSampledSpansCountForMany(t *testing.T) {
	r := newPlain(t, nil)
	for id, state := range []string{"", "ot=th:0", "ot=th:8", "vendor=x, ot=rv:8;th:c", "ot=p:3;r:5", "ot=p:63"} {
		traces, span := trace(uint64(id+1), map[string]any{"kind": "a", "n": 0.5})
		span.TraceState().FromRaw(state)
		r.spans(traces)
	}
	r.flushed(false)
	same(t, r.flushed(true), // 1 + 1 + 2 + 4 + 8 + 0
		"test.count{kind=a} +2ms 8", "test.runs{kind=a} +2ms 6", "test.size{kind=a} +2ms count 16 sum 8")
}

func TestWeightOf(t *testing.T) {
	for state, want := range map[string]float64{
		"ot=th:e666": 65536.0 / 6554, "ot=th:": 1, "ot=th:xyz": 1, "ot=th:123456789abcdef": 1, "ot=th:ffffffffffffff": 1,
		"ot=p:-1": 1, "ot=p:64": 1, "ot=p:20": 1, "ot=p:19": 524288, "ot=": 1, "other=th:8": 1, ",,": 1,
		"ot=p:3;th:8": 2, "a=b,ot=th:8,c=d": 2,
	} {
		if got := weightOf(state); math.Abs(got-want) > 1e-6*want {
			t.Errorf("%s: %v, expected %v", state, got, want)
		}
	}
}

func TestFractionalWeightsKeepCountsWhole(t *testing.T) {
	r := newPlain(t, nil)
	for id := range uint64(3) {
		traces, span := trace(id+1, map[string]any{"kind": "a", "n": 0.5})
		span.TraceState().FromRaw("ot=th:5") // 16/11
		r.spans(traces)
	}
	r.flushed(false)
	point := r.find("test.size").Histogram().DataPoints().At(1)
	if got := point.Count(); got != 4 || point.BucketCounts().At(4) != 4 { // 4.36
		t.Errorf("count %d, buckets %v", got, point.BucketCounts().AsRaw())
	}
	if want := 3 * 0.5 * 16 / 11; math.Abs(point.Sum()-want) > 1e-12 {
		t.Errorf("sum %v, expected %v", point.Sum(), want)
	}
}
