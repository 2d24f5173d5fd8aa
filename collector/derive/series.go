package derive

import (
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"otelgate/collector/shares"
)

const (
	storeShards   = 8
	overflowLabel = "otel.metric.overflow"
	overflowKey   = 0
)

// store holds the series of one metric.
type store struct {
	*shares.Shares // without the overflow series
	shards         [storeShards]storeShard

	overflowed, expired, invalid atomic.Int64
	// Of the request at hand.
	stagedOverflowed, stagedInvalid int64
}

type storeShard struct {
	sync.Mutex
	series  map[uint64]*series
	changed []*series // since the last flush
}

// series is one set of labels of one metric, cumulative since start.
type series struct {
	labels  []keyValue
	owner   string    // of its place
	sum     float64   // of a counter, its value
	buckets []float64 // weights may be fractions; rounded when written

	number uint64            // by which the journal calls it; 0 until that has it
	part   int               // place in metric.parts; overflowPart
	seen   pcommon.Timestamp // last measurement; 0 until the first one counts
	start  pcommon.Timestamp // and time of the zero before the first value
	zeroed bool              // the zero was handed over

	changed  bool
	exemplar []exemplar // new since the last flush, at most one a bucket
	staged   staged     // only the request at hand looks at it
}

func (s *series) label(name string) string {
	for _, label := range s.labels {
		if label.key == name {
			return label.value
		}
	}
	return ""
}

// overflowPart represents all parts of a metric.
const overflowPart = -1

func newStore(limit int) *store {
	s := &store{Shares: shares.New(limit)}
	for i := range s.shards {
		s.shards[i].series = map[uint64]*series{}
	}
	return s
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
			if value, ok = f.number(); !ok && f.kind == kindNone {
				continue
			}
		}
		// NaN fails each comparison.
		if !ok || !(value >= -maxValue && value <= maxValue) || (value < 0 && (!m.histogram || p.source == fromDuration)) {
			m.series.stagedInvalid++
			continue
		}
		m.add(r, i, value, weight)
	}
}

// maxValue keeps sums exact: beyond it, adding 1 to a sum changes little or nothing. The audit sink has the same bound.
const maxValue = 1e15

func (m *metric) add(r *record, part int, value, weight float64) {
	bucket := 0
	if m.histogram {
		bucket = sort.SearchFloat64s(m.bounds, value)
	}
	m.find(r, part).staged.stage(m, r, bucket, value, weight)
}

// find is the series that a record adds to, a new one if it has to be. The connector serves one request at a time.
func (m *metric) find(r *record, part int) *series {
	key := r.key(m, &m.parts[part])
	shard := m.series.shard(key)
	shard.Lock()
	s, ok := shard.series[key]
	if !ok && key != overflowKey && m.series.Claim(r.owner()) {
		s = m.newSeries(r, part)
		shard.series[key] = s
		ok = true
	}
	if ok {
		r.tally.touch(m, shard, key, s)
		shard.Unlock()
		return s
	}
	shard.Unlock()
	m.series.stagedOverflowed++
	shard = m.series.shard(overflowKey)
	shard.Lock()
	defer shard.Unlock()
	if s, ok = shard.series[overflowKey]; !ok {
		s = m.newOverflow()
		s.start = r.begin
		shard.series[overflowKey] = s
	}
	r.tally.touch(m, shard, overflowKey, s)
	return s
}

func (s *store) shard(key uint64) *storeShard {
	return &s.shards[key%storeShards]
}

// publish makes what a request counted of invalid and overflowing values known, or forgets it.
func (s *store) publish(counts bool) {
	if counts {
		s.invalid.Add(s.stagedInvalid)
		s.overflowed.Add(s.stagedOverflowed)
	}
	s.stagedInvalid, s.stagedOverflowed = 0, 0
}

func (m *metric) newSeries(r *record, part int) *series {
	p := &m.parts[part]
	s := &series{labels: make([]keyValue, 0, len(m.labels)+len(p.set)), owner: strings.Clone(r.owner()), part: part, start: r.begin}
	for _, label := range m.labels {
		if value := r.texts[label]; value != "" {
			// A copy: the text is part of a whole request's memory.
			s.labels = append(s.labels, keyValue{r.plan.labels[label].name, strings.Clone(value)})
		}
	}
	s.labels = append(s.labels, p.set...)
	return m.withBuckets(s)
}

func (m *metric) newOverflow() *series {
	return m.withBuckets(&series{labels: []keyValue{{overflowLabel, "true"}}, part: overflowPart})
}

func (m *metric) withBuckets(s *series) *series {
	if m.histogram {
		s.buckets = make([]float64, len(m.bounds)+1)
	}
	return s
}

// remove takes a series out of the store, under its shard's lock.
func (m *metric) remove(shard *storeShard, key uint64) {
	owner := shard.series[key].owner
	delete(shard.series, key)
	if key != overflowKey {
		m.series.Release(owner)
	}
}
