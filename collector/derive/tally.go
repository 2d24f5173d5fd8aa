package derive

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"otelgate/collector/resent"
)

// tally is what one request adds to the series. Nothing of it counts before the journal has it: then `settle` adds it
// up; if the journal can't take it, `undo` leaves no trace of the request.
type tally struct {
	keys    []uint64 // identities of what is counted for the first time
	touched []touched
	again   int64
}

// touched is a series that the request adds to, and the way to it.
type touched struct {
	*series
	metric *metric
	shard  *storeShard
	key    uint64
}

// staged is what the request at hand adds to a series.
type staged struct {
	touched bool
	sum     float64
	hits    []hit
}

// hit is what goes into one bucket; a counter has one.
type hit struct {
	bucket int
	weight float64
	shown  exemplar
}

func (t *tally) empty() bool { return len(t.keys) == 0 && len(t.touched) == 0 }

// touch notes that the request adds to a series. Under the shard's lock: a flush doesn't end the series then.
func (t *tally) touch(m *metric, shard *storeShard, key uint64, s *series) {
	if !s.staged.touched {
		s.staged.touched = true
		t.touched = append(t.touched, touched{s, m, shard, key})
	}
}

// settle adds up what the journal has.
func (t *tally) settle(at pcommon.Timestamp) {
	for i := range t.touched {
		one := &t.touched[i]
		one.shard.Lock()
		one.settle(one.metric, at)
		if !one.changed {
			one.changed = true
			one.shard.changed = append(one.shard.changed, one.series)
		}
		one.shard.Unlock()
	}
}

// undo takes the request back: its series, if it made them, its identities from the memory.
func (t *tally) undo(memory *resent.Memory) {
	memory.Forget(t.keys)
	for i := range t.touched {
		one := &t.touched[i]
		one.shard.Lock()
		one.staged.reset()
		if one.seen == 0 {
			one.metric.remove(one.shard, one.key)
		}
		one.shard.Unlock()
	}
}

func (t *tally) reset() {
	clear(t.touched)
	t.keys, t.touched, t.again = t.keys[:0], t.touched[:0], 0
}

// stage puts a value aside.
func (s *staged) stage(m *metric, r *record, bucket int, value, weight float64) {
	s.sum += value * weight
	for i := range s.hits {
		if s.hits[i].bucket == bucket {
			s.hits[i].weight += weight
			s.hits[i].shown.show(m, r, value)
			return
		}
	}
	one := hit{bucket: bucket, weight: weight}
	one.shown.show(m, r, value)
	s.hits = append(s.hits, one)
}

func (s *staged) reset() {
	s.touched, s.sum, s.hits = false, 0, s.hits[:0]
}

// settle is also how the journal is read again: the same additions in the same order, so that sums are the same to the
// last bit. A slightly smaller one would look like a counter that restarts.
func (s *series) settle(m *metric, at pcommon.Timestamp) {
	s.sum += s.staged.sum
	for i := range s.staged.hits {
		one := &s.staged.hits[i]
		if m.histogram {
			s.buckets[one.bucket] += one.weight
		}
		s.show(m, one)
	}
	s.seen = max(s.seen, at)
	s.staged.reset()
}

// exemplar of one bucket. A bucket shows its latest, a counter its largest: the call that cost most.
type exemplar struct {
	bucket int
	value  float64
	at     pcommon.Timestamp
	trace  pcommon.TraceID
	span   pcommon.SpanID
}

func (e *exemplar) show(m *metric, r *record, value float64) {
	if !r.trace.IsEmpty() && (m.histogram || e.trace.IsEmpty() || value >= e.value) {
		e.value, e.at, e.trace, e.span = value, r.at, r.trace, r.span
	}
}

func (s *series) show(m *metric, one *hit) {
	if one.shown.trace.IsEmpty() {
		return
	}
	one.shown.bucket = one.bucket
	for i := range s.exemplar {
		if s.exemplar[i].bucket == one.bucket {
			if m.histogram || one.shown.value >= s.exemplar[i].value {
				s.exemplar[i] = one.shown
			}
			return
		}
	}
	s.exemplar = append(s.exemplar, one.shown)
}
