package derive

import (
	"context"
	"errors"
	"fmt"
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
  - {name: test.count, kind: counter, signal: span, when: {n: present}, value: n}
  - {name: test.size, kind: histogram, signal: span, when: {n: present}, value: n, buckets: share}
  - {name: test.runs, kind: counter, signal: span, when: {n: present}, value: count, unweighted: true}
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

func TestNewSeriesStartsWithZero(t *testing.T) {
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

func TestConditionsOfEachKindCount(t *testing.T) {
	r := newRig(t, ofSpan, func(c *Config) {
		c.Exclude = []string{"gen_ai.*", "otelgate.*"}
		c.MetricsFile = file(t, `
common: []
metrics:
  - {name: present, kind: counter, signal: span, value: count, when: {kind: present, n: present}}
  - {name: absent, kind: counter, signal: span, value: count, when: {other: absent}}
  - {name: one, kind: counter, signal: span, value: count, when: {kind: [a, x], n: ["2"]}}
  - {name: none, kind: counter, signal: span, value: count, when: {kind: {not: [b]}, other: {not: [x]}, list: {not: [x]}}}
  - {name: named, kind: counter, signal: span, value: count, when: {kind: span_name}}
  - {name: never, kind: counter, signal: span, value: count, when: {kind: [a], n: absent}}
  - {name: not.text, kind: counter, signal: span, value: count, when: {list: ["[1,2]"]}}
`)
	})
	traces, span := trace(1, map[string]any{"kind": "a", "n": 2, "list": []any{1, 2}})
	span.SetName("a")
	r.spans(traces)
	r.now = r.now.Add(time.Second)
	var counted []string
	for _, line := range r.flushed(true) {
		if strings.HasSuffix(line, " 1") {
			counted = append(counted, line[:strings.IndexAny(line, "{ ")])
		}
	}
	same(t, counted, "absent", "named", "none", "one", "present")
}

func TestFlushWritesChangedSeriesAndRefreshAll(t *testing.T) {
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

func TestFlushIsSplitBySamples(t *testing.T) {
	const kinds = 450
	r := newPlain(t, nil)
	for kind := range uint64(kinds) {
		r.send(kind+1, fmt.Sprint(kind), 0.25)
	}
	r.now = r.now.Add(time.Second)
	lines := r.flushed(false)
	if got := len(slices.Compact(lines)); got != 3*2*kinds {
		t.Errorf("%d points, want each series' zero and value", got)
	}
	const samples = 2*2*kinds + 2*kinds*13 // of two counters and a histogram of 11 buckets
	if got, want := len(r.sink.AllMetrics()), samples/maxSamples+1; got != want {
		t.Errorf("%d requests, want %d", got, want)
	}
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

func TestRewritesRefusedSeries(t *testing.T) {
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
	long := strings.Repeat("😀", 100) // as long as an agent's name may be
	r.send(1, long, 0.5)
	r.send(2, long+"a", 0.5)
	r.send(3, long+"b", 0.5)
	r.send(4, "bad\xffbyte", 0.5)
	r.flushed(false)
	cut := strings.Repeat("😀", 95) + "…"
	same(t, only(r.flushed(true), "test.count"), "test.count{kind=bad\uFFFDbyte} +2ms 0.5",
		"test.count{kind="+cut+"0de2977f57eff4dd} +2ms 0.5", "test.count{kind="+cut+"a060e58f0edd4185} +2ms 0.5",
		"test.count{kind="+long+"} +2ms 0.5")
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
