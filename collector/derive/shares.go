package derive

import (
	"sync"
	"sync/atomic"
)

// shares divides the series of a metric among owners, by dynamic thresholds: one may hold at most nine times as many series
// as are still free. A single owner gets nine tenths of the limit, and each further one nine tenths of the rest.
type shares struct {
	limit int64
	live  atomic.Int64 // series of all

	mu   sync.Mutex
	held map[string]int64
}

const timesFree = 9

// claim takes one of the places, or says that this owner gets no more.
func (s *shares) claim(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[owner] >= timesFree*(s.limit-s.live.Load()) {
		return false
	}
	s.take(owner)
	return true
}

// keep takes a place for a series from before a restart, even beyond its owner's share.
func (s *shares) keep(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() >= s.limit {
		return false
	}
	s.take(owner)
	return true
}

func (s *shares) take(owner string) {
	s.held[owner]++
	s.live.Add(1)
}

func (s *shares) release(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live.Add(-1)
	if s.held[owner]--; s.held[owner] <= 0 {
		delete(s.held, owner)
	}
}
