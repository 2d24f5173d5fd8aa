package accumulate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// process is one that counts with a counter, a histogram and an exponential histogram, and sends them each few seconds.
type process struct {
	resource map[string]any
	delta    bool
	began    time.Time
	last     time.Time // of its last export
	sessions [2]int    // what each counted since the process began, or since the last export
	unsent   []pmetric.Metrics
}

func (p *process) work(random *rand.Rand) (spent int) {
	for i := range p.sessions {
		more := random.IntN(20)
		p.sessions[i] += more
		spent += more
	}
	return spent
}

// export is what an SDK sends: three metrics, a point for each session.
func (p *process) export(now time.Time) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	_ = resource.Resource().Attributes().FromRaw(p.resource)
	in := resource.ScopeMetrics().AppendEmpty().Metrics()
	temporality, start := pmetric.AggregationTemporalityCumulative, p.began
	if p.delta {
		temporality, start = pmetric.AggregationTemporalityDelta, p.last
	}
	sum, buckets, exponents := in.AppendEmpty(), in.AppendEmpty(), in.AppendEmpty()
	sum.SetName("sum")
	sum.SetEmptySum().SetIsMonotonic(true)
	sum.Sum().SetAggregationTemporality(temporality)
	buckets.SetName("buckets")
	buckets.SetEmptyHistogram().SetAggregationTemporality(temporality)
	exponents.SetName("exponents")
	exponents.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
	for i, spent := range p.sessions {
		stamp := func(point interface {
			Attributes() pcommon.Map
			SetStartTimestamp(pcommon.Timestamp)
			SetTimestamp(pcommon.Timestamp)
		},
		) {
			point.Attributes().PutStr("session.id", fmt.Sprint(p.began.UnixNano(), i))
			point.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
			point.SetTimestamp(pcommon.NewTimestampFromTime(now))
		}
		n := sum.Sum().DataPoints().AppendEmpty()
		n.SetIntValue(int64(spent))
		stamp(n)
		h := buckets.Histogram().DataPoints().AppendEmpty()
		h.SetCount(uint64(spent))
		h.ExplicitBounds().FromRaw([]float64{1, 2})
		h.BucketCounts().FromRaw([]uint64{uint64(spent / 2), 0, uint64(spent - spent/2)})
		stamp(h)
		e := exponents.ExponentialHistogram().DataPoints().AppendEmpty()
		e.SetScale(int32(3 - i))
		e.SetCount(uint64(spent))
		e.Positive().BucketCounts().FromRaw([]uint64{uint64(spent / 3), uint64(spent - spent/3)})
		stamp(e)
	}
	if p.last = now; p.delta {
		p.sessions = [2]int{}
	}
	return metrics
}

// world is what happens to them at random; the truth is `spent`.
type world struct {
	*rig
	random    *rand.Rand
	processes []*process
	spent     int
}

func (w *world) newProcess(i int) *process {
	p := &process{resource: of("shop"), delta: i%2 == 0, began: w.now.Add(-time.Duration(w.random.IntN(1000)) * time.Millisecond)}
	p.last = p.began
	switch i {
	case 0, 1: // two without an instance id
	case 2:
		p.resource["service.instance.id"] = "replicas-with-one-id"
	case 3:
		p.resource["service.instance.id"] = "replicas-with-one-id"
	default:
		p.resource["service.instance.id"] = fmt.Sprint(w.random.Uint64())
	}
	return p
}

// deliver sends what a process has, in its order; what is refused or not answered is sent again.
func (w *world) deliver(p *process) {
	for len(p.unsent) > 0 {
		w.disk.full = w.random.IntN(10) == 0
		err := w.send(p.unsent[0])
		w.disk.full = false
		if err != nil || w.random.IntN(10) == 0 { // refused, or the answer is lost
			return
		}
		p.unsent = p.unsent[1:]
	}
}

func (w *world) step() {
	i := w.random.IntN(len(w.processes))
	p := w.processes[i]
	w.spent += p.work(w.random)
	w.pass(time.Duration(100+w.random.IntN(900)) * time.Millisecond)
	p.unsent = append(p.unsent, p.export(w.now))
	w.deliver(p)
	switch w.random.IntN(12) {
	case 0: // the process ends in order and another begins
		for len(p.unsent) > 0 {
			w.deliver(p)
		}
		w.processes[i] = w.newProcess(i)
	case 1: // the gateway is killed
		w.start()
	case 2, 3, 4:
		w.flushed()
	}
}

func TestTotalsAndIncreaseEqualSpending(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{rig: newRig(t), random: rand.New(rand.NewPCG(seed, 12))}
			for i := range 6 {
				w.processes = append(w.processes, w.newProcess(i))
			}
			for range 150 {
				w.step()
			}
			for _, p := range w.processes {
				for len(p.unsent) > 0 {
					w.deliver(p)
				}
			}
			w.settled()
			w.expect(3*float64(w.spent), 3*float64(w.spent))
		})
	}
}
