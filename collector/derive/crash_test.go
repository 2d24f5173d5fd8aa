package derive

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestTotalsEqualAcknowledgedData sends random requests to a gateway that dies at random points, in the middle of a
// write too, whose disk fills up and whose store goes away. A client sends again what it got no answer to, and gives up
// what was refused. Then the totals, and what rises in the store, are what was acknowledged.
func TestTotalsEqualAcknowledgedData(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &storm{random: rand.New(rand.NewPCG(seed, 12)), store: samples{}, want: map[string]float64{}}
			s.run(t, 150)
		})
	}
}

type storm struct {
	random *rand.Rand
	*rig
	left *atomic.Int64
	dead *atomic.Bool

	store samples
	away  bool
	ids   uint64
	acked []ptrace.Traces
	want  map[string]float64
}

func (s *storm) run(t *testing.T, steps int) {
	s.open(newKept(t, t.TempDir(), s.change))
	for range steps {
		s.now = s.now.Add(time.Duration(s.random.IntN(400)) * time.Millisecond)
		switch s.random.IntN(20) {
		case 0:
			s.open(s.killed(time.Duration(s.random.IntN(3000))*time.Millisecond, s.change))
		case 1:
			s.dieWriting()
		case 2:
			s.refuse()
		case 3:
			s.away = !s.away
		case 4, 5, 6:
			s.flush(context.Background(), s.random.IntN(3) == 0)
		case 7: // the answer to it was lost
			if len(s.acked) > 0 {
				s.spans(s.acked[s.random.IntN(len(s.acked))])
			}
		default:
			traces := s.request()
			s.spans(traces)
			s.acknowledge(traces)
		}
	}
	s.open(s.killed(time.Second, s.change))
	s.away = false
	s.flush(context.Background(), false)
	s.check()
}

func (s *storm) change(c *Config) { c.Resent.Max = 100_000 }

func (s *storm) open(r *rig) {
	s.rig = r
	r.next = s
	r.journal.compactAt = int64(200 + s.random.IntN(5000))
	s.left, s.dead = r.onDisk()
}

func (s *storm) request() ptrace.Traces {
	var all ptrace.Traces
	for n := range 1 + s.random.IntN(20) {
		s.ids++
		traces, span := trace(s.ids, map[string]any{"kind": fmt.Sprint("k", s.random.IntN(6)), "n": s.random.Float64()})
		if s.random.IntN(5) == 0 {
			span.TraceState().FromRaw("ot=th:5")
		}
		if n == 0 {
			all = traces
		} else {
			traces.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
		}
	}
	return all
}

func (s *storm) acknowledge(traces ptrace.Traces) {
	s.acked = append(s.acked, traces)
	for _, resource := range traces.ResourceSpans().All() {
		span := resource.ScopeSpans().At(0).Spans().At(0)
		kind, _ := span.Attributes().Get("kind")
		n, _ := span.Attributes().Get("n")
		s.want["test.runs "+kind.Str()]++
		s.want["test.count "+kind.Str()] += n.Double() * weightOf(span.TraceState().AsRaw())
	}
}

// dieWriting ends the process within the write of a request: the client gets no answer, and resends it.
func (s *storm) dieWriting() {
	traces := s.request()
	s.left.Store(int64(s.random.IntN(400)))
	s.dead.Store(true)
	_ = s.ConsumeTraces(context.Background(), traces)
	s.open(s.killed(time.Second, s.change))
	s.spans(traces)
	s.acknowledge(traces)
}

// refuse has no room on disk for a request, which is never sent again.
func (s *storm) refuse() {
	s.left.Store(int64(s.random.IntN(20)))
	if err := s.ConsumeTraces(context.Background(), s.request()); err == nil {
		s.t.Error("taken on a full disk")
	}
	s.left.Store(math.MaxInt64)
}

// samples is the samples that a store has, by series and time.
type samples map[string]map[int64]float64

// ConsumeMetrics is the way to the store: it takes all, and loses it while the store is away.
func (s *storm) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	if s.away {
		return nil
	}
	for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if metric.Type() != pmetric.MetricTypeSum {
			continue
		}
		for _, point := range metric.Sum().DataPoints().All() {
			kind, _ := point.Attributes().Get("kind")
			s.store.put(s.t, metric.Name()+" "+kind.Str(), offset(point.Timestamp()), point.DoubleValue())
		}
	}
	return nil
}

func (s samples) put(t testing.TB, series string, at int64, value float64) {
	if s[series] == nil {
		s[series] = map[int64]float64{}
	}
	if before, ok := s[series][at]; ok && before != value {
		t.Errorf("%s is %v and %v at %d", series, before, value, at)
	}
	s[series][at] = value
}

// check compares the last sample, and what a store's increase() makes of all: a value that falls is a counter that
// starts again.
func (s *storm) check() {
	s.t.Helper()
	for series, want := range s.want {
		points := s.store[series]
		var risen, last float64
		for i, at := range slices.Sorted(maps.Keys(points)) {
			value := points[at]
			switch {
			case i == 0 && value != 0:
				s.t.Errorf("%s begins with %v", series, value)
			case value < last:
				s.t.Errorf("%s falls from %v to %v at %d", series, last, value, at)
			}
			risen, last = risen+value-last, value
		}
		if math.Abs(last-want) > 1e-9*want || math.Abs(risen-want) > 1e-9*want {
			s.t.Errorf("%s is %v and rose by %v, acknowledged was %v", series, last, risen, want)
		}
	}
}
