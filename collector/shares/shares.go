// Package shares divides places among owners, applications or services, so that one that takes more and more leaves a
// rest for the others and for newcomers.
package shares

import (
	"sync"
	"sync/atomic"
)

// Shares go by dynamic thresholds: one owner may hold at most nine times as many places as are still free. A single owner
// gets nine tenths of the limit, and each further one nine tenths of the rest.
type Shares struct {
	limit int64
	live  atomic.Int64 // places that are taken, of all

	mu   sync.Mutex
	held map[string]int64
}

const timesFree = 9

// New makes shares of so many places.
func New(limit int) *Shares { return &Shares{limit: int64(limit), held: map[string]int64{}} }

// Live is how many places are taken.
func (s *Shares) Live() int64 { return s.live.Load() }

// Fits says whether this owner may have one more place, in addition to the places already pending for it and for all owners.
func (s *Shares) Fits(owner string, its, all int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fits(owner, int64(its), int64(all))
}

func (s *Shares) fits(owner string, its, all int64) bool {
	return s.held[owner]+its < timesFree*(s.limit-s.live.Load()-all)
}

// Claim takes one of the places, or says that this owner gets no more.
func (s *Shares) Claim(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fits(owner, 0, 0) {
		return false
	}
	s.take(owner)
	return true
}

// Keep takes a place for what is from before a restart, even beyond its owner's share.
func (s *Shares) Keep(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() >= s.limit {
		return false
	}
	s.take(owner)
	return true
}

// Take a place, even where there is none: what is there is there.
func (s *Shares) Take(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(owner)
}

func (s *Shares) take(owner string) {
	s.held[owner]++
	s.live.Add(1)
}

// Release gives a place back.
func (s *Shares) Release(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live.Add(-1)
	if s.held[owner]--; s.held[owner] <= 0 {
		delete(s.held, owner)
	}
}
