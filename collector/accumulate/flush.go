package accumulate

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// maxSamples of one request: a histogram's point is one for each bucket, its count and its sum, which remote write makes
// series of, each with all labels.
const maxSamples = 5000

// flush writes the series that are due.
func (a *accumulator) flush(ctx context.Context) {
	a.flushing.Lock()
	defer a.flushing.Unlock()
	batches := a.collect(ctx)
	for _, b := range batches {
		if err := a.next.ConsumeMetrics(ctx, b.metrics); err != nil {
			a.telemetry.FlushErrors.Add(ctx, 1)
			a.logger.Warn("accumulated metrics were refused; they are sent again at the next flush", zap.Error(err))
			a.again(b.keys)
		}
	}
}

// again marks what a batch held as changed. The series may have been replaced since.
func (a *accumulator) again(keys []uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		if s, ok := a.series[key]; ok {
			s.changed, s.begun = true, false
		}
	}
}

func (a *accumulator) collect(ctx context.Context) []*batch {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock().UnixNano()
	if now-a.expired > int64(time.Minute) {
		a.expired = now
		a.expire(now)
	}
	st := a.stage()
	batches := []*batch{newBatch()}
	for key, s := range a.series {
		what := st.decide(key, s)
		if what == wait {
			continue
		}
		if batches[len(batches)-1].samples >= maxSamples {
			batches = append(batches, newBatch())
		}
		if err := batches[len(batches)-1].add(key, s, what == end, now); err != nil {
			a.logger.Error("a series can't be written", zap.String("metric", s.Metric), zap.Error(err))
		}
	}
	a.note(ctx, st)
	if batches[0].samples == 0 {
		return nil
	}
	return batches
}

// note stores what the flush decided. A process that ends before decides the same again.
func (a *accumulator) note(ctx context.Context, st *stage) {
	err := st.commit(ctx)
	if err != nil {
		a.logger.Warn("what was written could not be noted; the next flush tries again", zap.Error(err))
	}
	for _, saved := range st.saves {
		if s, ok := saved.(*series); ok {
			s.unstored = err != nil
		}
	}
	a.tell(ctx, st.counts)
}

type decision uint8

const (
	wait decision = iota
	write
	end // write that the series is over
)

func (st *stage) decide(key uint64, s *series) decision {
	var what decision
	if s.derivable && st.registry.Derives(s.Metric, s.Service, s.Env, time.Unix(0, st.now)) {
		st.counts[isDerived] += s.points
		what = s.yield()
	} else {
		what = s.turn(st.config, st.now)
	}
	if s.unstored {
		st.saves[seriesKey(key)] = s
	}
	return what
}

// turn decides what a flush does with a series. One that gave way to a derived one comes back only with what has come
// since and was not derived.
func (s *series) turn(cfg *Config, now int64) decision {
	gone := s.derivable && s.Ended
	if s.Held != nil && now-s.heldSince >= int64(cfg.Settle) {
		gone = false
		s.release(true)
		s.changed, s.unstored = true, true
	}
	repeat := s.Delta && s.Written && !s.Ended && now-s.Seen <= int64(cfg.QuietFor) &&
		now-s.written >= int64(cfg.RefreshInterval)
	switch {
	case s.ending && s.Written:
		s.ending, s.changed, s.Ended, s.unstored = false, false, true, true
		return end
	case repeat, s.changed && now >= s.due && !gone:
		if !s.Written {
			s.Began = now - lead
		}
		s.unstored = s.unstored || !s.Written || s.Ended
		s.Written, s.Ended, s.changed = true, false, false
		if s.Held == nil {
			s.points = 0
		}
		return write
	}
	return wait
}

// yield gives way to the same metric of the gateway's own.
func (s *series) yield() decision {
	s.unstored = s.unstored || s.Held != nil || (!s.Written && !s.Total.empty()) || (s.Written && !s.Ended)
	s.release(false)
	s.changed, s.ending, s.points = false, false, 0
	if s.Written && !s.Ended {
		s.Ended = true
		return end
	}
	return wait
}
