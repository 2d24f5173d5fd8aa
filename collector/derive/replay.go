package derive

import (
	"hash/maphash"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"
)

// restoring goes through the frames of the last run.
type restoring struct {
	*connector
	known map[uint64]touched // by number
	scrap *record

	unfit map[uint64]string // numbers of series that don't fit the metrics of this run, and their metrics
	lost  int               // increments of series that were in what is damaged
}

// restore goes on where the last run ended, however it did.
func (c *connector) restore() {
	r := restoring{connector: c, known: map[uint64]touched{}, unfit: map[uint64]string{}, scrap: newRecord(c.plan, 0)}
	c.record.seed = r.scrap.seed
	c.journal.load(r.read)
	c.record.salt = c.journal.salt
	c.journal.compact(c.writeSnapshot)
	for _, one := range r.known {
		if !one.changed {
			one.changed = true
			one.shard.changed = append(one.shard.changed, one.series)
		}
	}
	c.unfit.Add(int64(len(r.unfit)))
	if len(r.unfit) > 0 {
		names := map[string]int{}
		for _, name := range r.unfit {
			names[name]++
		}
		c.logger.Warn("series of the last run don't fit the current metrics, and restart from zero", zap.Any("metrics", names))
	}
	if r.lost > 0 {
		c.logger.Warn("additions to unreadable series are lost", zap.Int("additions", r.lost))
	}
	c.logger.Info("derived metrics continue", zap.Int("series", len(r.known)),
		zap.Int("identities", len(c.resent.Young)+len(c.resent.Old)))
}

func (r *restoring) read(content []byte) {
	if len(content) == 0 {
		return
	}
	in := &reader{data: content[1:]}
	switch content[0] {
	case frameCounted:
		r.counted(in)
	case frameEnded:
		for range in.items(8) {
			r.end(in.fixed())
		}
	case frameOld, frameYoung:
		r.generation(in, content[0])
	}
}

func (r *restoring) counted(in *reader) {
	at := pcommon.Timestamp(in.count())
	for range in.items(1) {
		r.series(in)
	}
	when := at.AsTime()
	for n := range in.items(8) {
		if n == 0 && when.Before(r.resent.Turned) { // nothing was remembered from before
			r.resent.Turned = when
		}
		r.resent.Again(in.fixed(), when)
	}
	for range in.items(1) {
		r.add(in, at)
	}
	r.flushed.raise(at)
}

// series takes one up, if the metric is what it was.
func (r *restoring) series(in *reader) {
	number, name, part, shape := in.count(), in.text(), int(in.count())-1, in.fixed()
	s := &series{number: number, part: part, start: pcommon.Timestamp(in.count()), seen: pcommon.Timestamp(in.count())}
	for range in.items(2) {
		s.labels = append(s.labels, keyValue{in.text(), in.text()})
	}
	r.numbered = max(r.numbered, number)
	if in.err != nil {
		return
	}
	// The journal has no application: until these series expire, an application may hold more than its share.
	s.owner = s.label(serviceName)
	m, key, ok := r.place(name, s, shape)
	if !ok {
		r.unfit[number] = name
		return
	}
	shard := m.series.shard(key)
	before, there := shard.series[key]
	if !there && key != overflowKey && !m.series.Keep(s.owner) {
		r.unfit[number] = name
		return
	}
	if there {
		delete(r.known, before.number)
	}
	shard.series[key] = m.withBuckets(s)
	r.known[number] = touched{s, m, shard, key}
	r.begun.raise(s.start)
}

// place is where a series of these labels is found. A metric that has other buckets or labels now has no place for it.
func (r *restoring) place(name string, s *series, shape uint64) (*metric, uint64, bool) {
	at := slices.IndexFunc(r.plan.metrics, func(m *metric) bool { return m.name == name })
	if at < 0 {
		return nil, 0, false
	}
	m := r.plan.metrics[at]
	if s.part < overflowPart || s.part >= len(m.parts) || m.shape(s.part) != shape {
		return nil, 0, false
	}
	if s.part == overflowPart {
		return m, overflowKey, true
	}
	p, used := &m.parts[s.part], 0
	for _, place := range m.labels {
		r.scrap.texts[place] = ""
		for _, label := range s.labels {
			if label.key == r.plan.labels[place].name {
				r.scrap.texts[place] = label.value
				used++
			}
		}
		r.scrap.hashes[place] = maphash.String(r.scrap.seed, r.scrap.texts[place])
	}
	key := r.scrap.key(m, p)
	return m, key, used+len(p.set) == len(s.labels) && key != overflowKey
}

// add is a request's part in one series.
func (r *restoring) add(in *reader, at pcommon.Timestamp) {
	number, sum := in.count(), in.number()
	one, ok := r.known[number]
	if !ok {
		one.series, one.metric = &series{}, &metric{}
		if _, unfit := r.unfit[number]; !unfit {
			r.lost++
		}
	}
	one.staged.sum = sum
	for range in.items(2) {
		if bucket, weight := in.count(), in.number(); bucket < uint64(len(one.buckets)) && !math.IsNaN(weight) {
			one.staged.hits = append(one.staged.hits, hit{bucket: int(bucket), weight: weight})
		}
	}
	one.settle(one.metric, at)
}

func (r *restoring) end(number uint64) {
	if one, ok := r.known[number]; ok {
		one.metric.remove(one.shard, one.key)
		delete(r.known, number)
	}
}

func (r *restoring) generation(in *reader, kind byte) {
	turned := time.Unix(0, int64(in.count()))
	into := r.resent.Young
	if kind == frameOld {
		into = r.resent.Old
	}
	for range in.items(8) {
		if key := in.fixed(); len(into) < r.resent.Half {
			into[key] = struct{}{}
		}
	}
	r.resent.Turned = turned
}
