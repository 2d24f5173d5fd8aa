package derive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// plain is a list with one counter and one histogram whose numbers a test can follow.
const plain = `
common: [kind]
metrics:
  - {name: test.count, kind: counter, signal: span, condition: [{attribute: n, exists: true}], value: n}
  - {name: test.size, kind: histogram, signal: span, condition: [{attribute: n, exists: true}], value: n, buckets: share}
  - {name: test.runs, kind: counter, signal: span, condition: [{attribute: n, exists: true}], value: count, unweighted: true}
`

func newPlain(t testing.TB, change func(*Config)) *rig {
	return newRig(t, ofSpan, func(c *Config) {
		c.MetricsFile = file(t, plain)
		c.Exclude = []string{"gen_ai.*", "otelgate.*"}
		if change != nil {
			change(c)
		}
	})
}

func (r *rig) send(id uint64, kind string, n any) {
	r.t.Helper()
	traces, _ := trace(id, map[string]any{"kind": kind, "n": n})
	r.spans(traces)
}

func TestANewSeriesStartsWithZero(t *testing.T) {
	r := newPlain(t, nil)
	r.now = r.now.Add(time.Second)
	r.send(1, "a", 0.25)
	same(t, r.flushed(false),
		"test.count{kind=a} +1000ms 0.25", "test.count{kind=a} +999ms 0",
		"test.runs{kind=a} +1000ms 1", "test.runs{kind=a} +999ms 0",
		"test.size{kind=a} +1000ms count 1 sum 0.25", "test.size{kind=a} +999ms count 0 sum 0",
	)
	points := r.find("test.size").Histogram().DataPoints()
	zero, first := points.At(0), points.At(1)
	if got := zero.BucketCounts().AsRaw(); !slices.Equal(got, make([]uint64, 11)) || !zero.HasSum() {
		t.Errorf("zero has buckets %v", got)
	}
	if got := first.BucketCounts().AsRaw(); !slices.Equal(got, []uint64{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("first value has buckets %v", got)
	}
	if zero.StartTimestamp() != zero.Timestamp() || first.StartTimestamp() != zero.Timestamp() {
		t.Error("both start at the zero")
	}
}

func TestFlushWritesWhatChangedAndRefreshAll(t *testing.T) {
	r := newPlain(t, nil)
	r.send(1, "a", 0.25)
	r.send(2, "b", 0.5)
	r.flushed(false)
	r.now = r.now.Add(time.Second)
	same(t, r.flushed(false))
	r.send(3, "b", 0.5)
	r.now = r.now.Add(time.Second)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=b} +2000ms 1")
	r.now = r.now.Add(time.Second)
	same(t, only(r.flushed(true), "test.count"), "test.count{kind=a} +3000ms 0.25", "test.count{kind=b} +3000ms 1")
}

// TestCadence runs the real loop on a fake clock: changes each second, everything each 15 s.
func TestCadence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPlain(t, nil)
		r.clock = time.Now
		if err := r.Start(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		r.send(1, "a", 0.25)
		var wrote []string
		for second := 1; second <= 46; second++ {
			if second == 20 {
				r.send(2, "b", 0.25)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if points := r.sink.DataPointCount(); points > 0 {
				wrote = append(wrote, fmt.Sprintf("%ds: %d", second, points))
				r.sink.Reset()
			}
		}
		same(t, wrote, "1s: 6", "15s: 3", "20s: 6", "30s: 6", "45s: 6")
		if err := r.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// refusing is a store that refuses while `down`.
type refusing struct {
	consumer.Metrics
	down bool
}

func (s *refusing) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	if s.down {
		return errors.New("sending queue is full")
	}
	return s.Metrics.ConsumeMetrics(ctx, metrics)
}

func TestWhatWasRefusedIsWrittenAgain(t *testing.T) {
	r := newPlain(t, nil)
	store := &refusing{Metrics: r.sink, down: true}
	r.next = store
	r.send(1, "a", 0.25)
	same(t, r.flushed(false))
	r.now = r.now.Add(time.Second)
	r.send(2, "a", 0.5)
	same(t, r.flushed(false))
	store.down = false
	r.now = r.now.Add(time.Second)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=a} +-1ms 0", "test.count{kind=a} +2000ms 0.75")
	if got := r.flushErrors.Load(); got != 2 {
		t.Errorf("%d flush errors", got)
	}

	// A zero that is too old by then stays away: it would have its whole request refused.
	store.down = true
	r.send(3, "b", 0.5)
	r.flushed(false)
	store.down = false
	r.now = r.now.Add(zeroRetry + time.Second)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=b} +303000ms 0.5")
}

func TestTimeNeverGoesBack(t *testing.T) {
	r := newPlain(t, nil)
	r.send(1, "a", 0.25)
	r.flushed(false)
	r.now = r.now.Add(-time.Hour)
	r.send(2, "b", 0.5)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=b} +1ms 0", "test.count{kind=b} +2ms 0.5")
}

func TestResentSpansCountOnce(t *testing.T) {
	r := newPlain(t, func(c *Config) { c.Resent.For = time.Minute })
	for range 3 {
		r.send(1, "a", 0.25)
		r.now = r.now.Add(20 * time.Second)
	}
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +59999ms 0", "test.runs{kind=a} +60000ms 1")
	if got := r.again.Load(); got != 2 {
		t.Errorf("%d resent", got)
	}
	// Forgotten after at most twice the time.
	r.now = r.now.Add(2 * time.Minute)
	r.send(1, "a", 0.25)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +180000ms 2")
}

func TestSpansWithoutIdsAllCount(t *testing.T) {
	r := newPlain(t, nil)
	r.send(0, "a", 0.25)
	r.send(0, "a", 0.25)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +0ms 2")
}

func TestResentMemoryIsBounded(t *testing.T) {
	const limit = 3200
	memory := newResent(ResentConfig{For: time.Hour, Max: limit}, epoch)
	for key := range uint64(100_000) {
		if memory.again(key, epoch) {
			t.Fatalf("%d was never there", key)
		}
	}
	held := 0
	for i := range memory.shards {
		held += len(memory.shards[i].young) + len(memory.shards[i].old)
	}
	if held > limit || memory.evicted.Load() < 100_000-limit {
		t.Errorf("%d held, %d evicted", held, memory.evicted.Load())
	}
	if !memory.again(99_999, epoch) {
		t.Error("the last one is gone")
	}
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
		if live, over := m.series.live.Load(), m.series.overflowed.Load(); live != 3 || over != 7 {
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

func TestExemplarsLeadToTheirTraces(t *testing.T) {
	r := newPlain(t, nil)
	r.send(1, "a", 0.15)
	r.send(2, "a", 0.95)
	r.send(3, "a", 0.12)
	r.flushed(false)
	check := func(exemplars pmetric.ExemplarSlice, want ...string) {
		t.Helper()
		var got []string
		for _, e := range exemplars.All() {
			got = append(got, fmt.Sprintf("%v %s %s +%d", e.DoubleValue(), strings.TrimLeft(e.TraceID().String(), "0"),
				strings.TrimLeft(e.SpanID().String(), "0"), offset(e.Timestamp())))
		}
		same(t, got, want...)
	}
	check(r.find("test.size").Histogram().DataPoints().At(1).Exemplars(), "0.12 3 3 +0", "0.95 2 2 +0")
	check(r.find("test.count").Sum().DataPoints().At(1).Exemplars(), "0.95 2 2 +0")
	check(r.find("test.count").Sum().DataPoints().At(0).Exemplars())
	// Written once; the next flush has only what is new.
	r.now = r.now.Add(time.Second)
	r.send(4, "a", 0.3)
	r.flushed(false)
	check(r.find("test.size").Histogram().DataPoints().At(0).Exemplars(), "0.3 4 4 +1000")
}

func TestLabelsAreShortAndValid(t *testing.T) {
	r := newPlain(t, nil)
	r.send(1, strings.Repeat("ä", 150), 0.5)
	r.send(2, strings.Repeat("ä", 200), 0.5) // the same in its first 200 bytes
	r.send(3, "bad\xffbyte", 0.5)
	r.flushed(false)
	same(t, only(r.flushed(true), "test.count"),
		"test.count{kind=bad\uFFFDbyte} +2ms 0.5", "test.count{kind="+strings.Repeat("ä", 100)+"} +2ms 1")
}

func TestInstanceIsStable(t *testing.T) {
	r := newPlain(t, nil)
	r.send(1, "a", 0.5)
	r.flushed(false)
	resource := r.sink.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes()
	if got := labels(resource); got != "service.instance.id=gateway-1" {
		t.Error(got)
	}
}

func TestShutdownWritesTheRest(t *testing.T) {
	r := newPlain(t, func(c *Config) { c.FlushInterval, c.RefreshInterval = 30*time.Minute, 30*time.Minute })
	if err := r.Start(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	r.send(1, "a", 0.5)
	if err := r.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := r.sink.DataPointCount(); got != 6 {
		t.Errorf("%d points", got)
	}
}

// TestTotalsUnderConcurrency sends from many sides while flushes go on; the last totals are exact.
func TestTotalsUnderConcurrency(t *testing.T) {
	r := newPlain(t, nil)
	const senders, each = 8, 500
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for i := range each {
				traces, _ := trace(uint64(sender*each+i+1), map[string]any{"kind": fmt.Sprint(i % 7), "n": 0.5})
				_ = r.ConsumeTraces(context.Background(), traces)
			}
		})
	}
	for range 20 {
		r.flush(context.Background(), false)
	}
	all.Wait()
	r.flushed(false)
	r.flushed(true)
	var total float64
	for _, point := range r.find("test.runs").Sum().DataPoints().All() {
		total += point.DoubleValue()
	}
	if total != senders*each {
		t.Errorf("%v of %d", total, senders*each)
	}
}
