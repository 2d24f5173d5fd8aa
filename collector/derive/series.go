package derive

import (
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	storeShards   = 8
	overflowLabel = "otel.metric.overflow"
	overflowKey   = 0
)

// store holds the series of one metric.
type store struct {
	limit  int64
	live   atomic.Int64 // without the overflow series
	shards [storeShards]storeShard

	overflowed, expired, invalid atomic.Int64
}

type storeShard struct {
	sync.Mutex
	series  map[uint64]*series
	changed []*series // since the last flush
}

// series is one set of labels of one metric, cumulative since start.
type series struct {
	labels  []keyValue
	sum     float64   // of a counter, its value
	buckets []float64 // weights may be fractions; rounded when written

	changed  bool
	seen     pcommon.Timestamp // last measurement
	start    pcommon.Timestamp // and time of the zero before the first value; 0 until that is written
	zeroed   bool              // the zero was handed over
	exemplar []exemplar        // new since the last flush, at most one a bucket
}

type exemplar struct {
	bucket int
	value  float64
	at     pcommon.Timestamp
	trace  pcommon.TraceID
	span   pcommon.SpanID
}

func newStore(limit int) *store {
	s := &store{limit: int64(limit)}
	for i := range s.shards {
		s.shards[i].series = map[uint64]*series{}
	}
	return s
}

// claim takes one of the places for series.
func (s *store) claim() bool {
	if s.live.Add(1) > s.limit {
		s.live.Add(-1)
		return false
	}
	return true
}

// measure takes all numbers of a metric out of a record that met its conditions.
func (m *metric) measure(r *record) {
	weight := r.weight
	if m.unweighted {
		weight = 1
	}
	if weight == 0 {
		return
	}
	for i := range m.parts {
		p := &m.parts[i]
		value, ok := 1.0, true
		switch p.source {
		case fromDuration:
			value = r.duration
		case fromSlot:
			f := &r.fields[p.slot]
			if value, ok = f.number(); !ok && f.kind == none {
				continue
			}
		}
		// NaN fails each comparison.
		if !ok || !(value >= -maxValue && value <= maxValue) || (value < 0 && (!m.histogram || p.source == fromDuration)) {
			m.series.invalid.Add(1)
			continue
		}
		m.add(r, p, value, weight)
	}
}

// maxValue keeps sums exact: beyond it, adding 1 to a sum changes little or nothing. The audit sink has the same bound.
const maxValue = 1e15

func (m *metric) add(r *record, p *part, value, weight float64) {
	key := r.key(m, p)
	shard := &m.series.shards[key%storeShards]
	shard.Lock()
	s, ok := shard.series[key]
	if !ok && key != overflowKey && m.series.claim() {
		s = m.newSeries(r, p)
		shard.series[key] = s
		ok = true
	}
	if !ok {
		shard.Unlock()
		m.series.overflowed.Add(1)
		shard = &m.series.shards[overflowKey%storeShards]
		shard.Lock()
		if s, ok = shard.series[overflowKey]; !ok {
			s = m.newOverflow()
			shard.series[overflowKey] = s
		}
	}
	s.add(m, r, value, weight)
	if !s.changed {
		s.changed = true
		shard.changed = append(shard.changed, s)
	}
	shard.Unlock()
}

func (m *metric) newSeries(r *record, p *part) *series {
	s := &series{labels: make([]keyValue, 0, len(m.labels)+len(p.set))}
	for _, label := range m.labels {
		if value := r.texts[label]; value != "" {
			// A copy: the text is part of a whole request's memory.
			s.labels = append(s.labels, keyValue{r.plan.labels[label].name, strings.Clone(value)})
		}
	}
	s.labels = append(s.labels, p.set...)
	if m.histogram {
		s.buckets = make([]float64, len(m.bounds)+1)
	}
	return s
}

func (m *metric) newOverflow() *series {
	s := &series{labels: []keyValue{{overflowLabel, "true"}}}
	if m.histogram {
		s.buckets = make([]float64, len(m.bounds)+1)
	}
	return s
}

func (s *series) add(m *metric, r *record, value, weight float64) {
	bucket := 0
	s.sum += value * weight
	if m.histogram {
		bucket = sort.SearchFloat64s(m.bounds, value)
		s.buckets[bucket] += weight
	}
	s.seen = r.at
	if r.trace.IsEmpty() {
		return
	}
	fresh := exemplar{bucket: bucket, value: value, at: r.at, trace: r.trace, span: r.span}
	for i := range s.exemplar {
		if s.exemplar[i].bucket == bucket {
			// A bucket shows its latest, a counter (one bucket) its largest: the call that cost most.
			if m.histogram || value >= s.exemplar[i].value {
				s.exemplar[i] = fresh
			}
			return
		}
	}
	s.exemplar = append(s.exemplar, fresh)
}
