package accumulate

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/shares"
)

const cumulative = pmetric.AggregationTemporalityCumulative

// stage is what one request changes: copies, which take the originals' place once they are stored.
type stage struct {
	*accumulator
	now     int64
	sources map[uint64]*source
	series  map[uint64]*series
	saves   map[string]any // by the key in the storage
	counts  map[string]int64
	digest  uint64 // of the points' senders and times, in any order
	// New ones, by who gets their places.
	newSources, newSeries places
}

// places are to be taken when the stage is stored.
type places struct {
	by  map[string]int
	all int
}

func (p *places) add(owner string) {
	if p.by == nil {
		p.by = map[string]int{}
	}
	p.by[owner]++
	p.all++
}

// fits makes room where there is none for one more of this owner, if something is not in use.
func (p *places) fits(of *shares.Shares, owner string, makeRoom func() bool) bool {
	return of.Fits(owner, p.by[owner], p.all) || (makeRoom() && of.Fits(owner, p.by[owner], p.all))
}

func (a *accumulator) stage() *stage {
	return &stage{
		accumulator: a, now: a.clock().UnixNano(), sources: map[uint64]*source{}, series: map[uint64]*series{},
		saves: map[string]any{}, counts: map[string]int64{},
	}
}

func sourceKey(key uint64) string { return "c" + strconv.FormatUint(key, 16) }
func seriesKey(key uint64) string { return "s" + strconv.FormatUint(key, 16) }
func shapeKey(key uint64) string  { return "l" + strconv.FormatUint(key, 16) }

// saw adds a point to the digest of the request.
func (st *stage) saw(sender uint64, r reading) {
	mixed := sender
	for _, part := range [...]uint64{uint64(r.start), uint64(r.at)} { // as in splitmix64
		mixed = (mixed ^ part) * 0xbf58476d1ce4e5b9
		mixed = (mixed ^ mixed>>27) * 0x94d049bb133111eb
		mixed ^= mixed >> 31
	}
	st.digest += mixed
}

// points that accumulate, of the whole request.
func (st *stage) points() int64 {
	all := int64(0)
	for _, count := range st.counts {
		all += count
	}
	return all
}

// again says that the whole request was counted before. One of which something is left out is not remembered.
func (st *stage) again() bool {
	return st.digest != 0 && st.requests.Has(st.digest, time.Unix(0, st.now))
}

func (st *stage) remember() {
	for reason := range st.counts {
		if reason != "" && !ordinary[reason] {
			return
		}
	}
	if st.digest != 0 {
		st.requests.Again(st.digest, time.Unix(0, st.now))
	}
}

// commit stores what changed, and makes it what holds.
func (st *stage) commit(ctx context.Context) error {
	operations := make([]*storage.Operation, 0, len(st.saves))
	for key, value := range st.saves {
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		operations = append(operations, storage.SetOperation(key, encoded))
	}
	for key, s := range st.series {
		if _, counted := st.saves[seriesKey(key)]; s.unsaved && !counted {
			delete(st.series, key) // nothing came of it
		} else if s.unsaved {
			operations = append(operations, storage.SetOperation(shapeKey(key), s.shape))
		}
	}
	if len(operations) > 0 {
		if err := st.save(ctx, operations...); err != nil {
			return err
		}
	}
	for key, s := range st.sources {
		if _, known := st.accumulator.sources[key]; !known {
			st.senderPlaces.Take(s.Owner)
		}
		st.accumulator.sources[key] = s
	}
	for key, s := range st.series {
		if _, known := st.accumulator.series[key]; !known {
			st.seriesPlaces.Take(s.Owner)
		}
		s.unsaved = false
		st.accumulator.series[key] = s
	}
	st.remember()
	return nil
}

func (st *stage) source(key uint64) *source {
	if s, ok := st.sources[key]; ok {
		return s
	}
	s, ok := st.accumulator.sources[key]
	if !ok {
		return nil
	}
	s = s.clone()
	st.sources[key] = s
	return s
}

// newSource is nil where its owner has too many.
func (st *stage) newSource(key uint64, owner string) *source {
	if !st.newSources.fits(st.senderPlaces, owner, func() bool { return st.roomForSender(st.now) }) {
		return nil
	}
	st.newSources.add(owner)
	s := &source{Owner: owner}
	st.sources[key] = s
	return s
}

// seriesOf finds or makes the one that a point belongs to; nil where its owner has too many.
func (st *stage) seriesOf(p place, r reading) (uint64, *series, error) {
	key := p.key(r.attributes)
	if s, ok := st.series[key]; ok {
		return key, s, nil
	}
	if s, ok := st.accumulator.series[key]; ok {
		s = s.clone()
		st.series[key] = s
		return key, s, nil
	}
	if !st.newSeries.fits(st.seriesPlaces, p.owner, func() bool { return st.roomForSeries(st.now) }) {
		return key, nil, nil
	}
	s, err := p.newSeries(r.attributes, r.value, st.config.InstanceID)
	if err != nil {
		return key, nil, err
	}
	s.derivable = st.config.mayDerive(s.Metric)
	st.newSeries.add(p.owner)
	st.series[key] = s
	return key, s, nil
}

// take counts one point, or says why not.
func (st *stage) take(p place, r reading, temporality pmetric.AggregationTemporality) (string, error) {
	mark := unmark(r.attributes)
	if r.fault != "" {
		return r.fault, nil
	}
	key, s, err := st.seriesOf(p, r)
	if err != nil {
		return "", err
	}
	if s == nil {
		return tooMany, nil
	}
	if mark == "" {
		mark = seriesKey(key)
	}
	if r.at == 0 {
		r.at = st.now
	}
	reason := ""
	switch {
	case r.ended:
		s.ending = s.Own // of a series of several, others may go on
	case temporality == cumulative:
		reason = st.cumulative(mark, s, key, r)
	case temporality == pmetric.AggregationTemporalityDelta:
		reason = st.delta(mark, s, key, r)
	default:
		return noTemporality, nil
	}
	if reason == "" {
		st.touch(p, s, r)
	}
	return reason, nil
}

func (st *stage) touch(p place, s *series, r reading) {
	s.Seen, s.changed, s.resource = st.now, true, p.resource
	s.points++
	if !s.Written && s.due == 0 && (s.derivable || !s.First.empty()) {
		s.due = st.now + int64(st.config.Settle)
	}
	if r.exemplars.Len() > 0 {
		kept := pmetric.NewExemplarSlice() // a copy: the series may be one of those that hold
		s.exemplars.CopyTo(kept)
		r.exemplars.MoveAndAppendTo(kept)
		for excess := kept.Len() - maxExemplars; excess > 0; excess-- {
			first := true
			kept.RemoveIf(func(pmetric.Exemplar) bool { was := first; first = false; return was })
		}
		s.exemplars = kept
	}
}

func (st *stage) delta(mark string, s *series, out uint64, r reading) string {
	key := senderKey(mark, "delta", 0)
	st.saw(key, r)
	from := st.source(key)
	if from == nil {
		if from = st.newSource(key, s.Owner); from == nil {
			return tooMany
		}
	}
	if !from.delta(r.start, r.at) {
		return isResent
	}
	from.Seen, s.Delta = st.now, true
	s.spend(r.value, st.now)
	st.saves[sourceKey(key)], st.saves[seriesKey(out)] = from, s
	return ""
}

func (st *stage) cumulative(mark string, s *series, out uint64, r reading) string {
	if r.start >= r.at {
		r.start = 0 // the conventions' way to say that it isn't known
	}
	key := senderKey(mark, "cumulative", r.start)
	st.saw(key, r)
	from := st.source(key)
	if from == nil {
		return st.firstOf(key, mark, s, out, r)
	}
	switch {
	case r.at == from.Last:
		return isResent
	case r.at < from.Last:
		return late
	}
	since, ok := from.cumulative(r.value, r.start > 0)
	if !ok {
		return tooMany
	}
	from.Seen, from.Last = st.now, r.at
	if !since.empty() {
		s.spend(since, st.now)
		st.saves[sourceKey(key)], st.saves[seriesKey(out)] = from, s
	}
	return ""
}

// firstOf counts the first point of a cumulative sender. Its value so far is an increase only if it can't have
// been counted before: the sender began after this gateway had begun to remember.
func (st *stage) firstOf(key uint64, mark string, s *series, out uint64, r reading) string {
	from := st.newSource(key, s.Owner)
	if from == nil {
		return tooMany
	}
	from.Seen, from.Last, from.Values = st.now, r.at, []value{r.value}
	st.saves[sourceKey(key)], st.saves[seriesKey(out)] = from, s
	// A sender that doesn't know when it began says so once; then its start is the time of that point.
	if unknown := st.source(senderKey(mark, "cumulative", 0)); unknown != nil && r.start > 0 && unknown.Last == r.start {
		if since, ok := unknown.cumulative(r.value, false); ok {
			s.spend(since, st.now)
		}
		return ""
	}
	age, soon := r.at-r.start, int64(soonShared)
	if s.Own {
		soon = int64(soonOwn)
	}
	if known := r.start > 0 && st.now-age > st.forgotten; known && (s.Written || age <= soon) {
		s.spend(r.value, st.now)
	} else {
		s.inherit(r.value)
	}
	return ""
}

func senderKey(mark, temporality string, start int64) uint64 {
	return pdatautil.Hash64(pdatautil.WithString(mark), pdatautil.WithString(temporality),
		pdatautil.WithString(string(binary.BigEndian.AppendUint64(nil, uint64(start)))))
}
