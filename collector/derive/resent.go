package derive

import (
	"sync/atomic"
	"time"
)

// resent remembers what was counted, for a while: a client whose request one branch of the gateway
// refused sends it again to all of them. It holds hashes of 64 bits in two generations of which the
// older is dropped whole, so an entry lives between one and two times `every`, and at most `limit` of
// them do. A false hit takes two equal hashes: 1e-13 a span at a million entries.
type resent struct {
	young, old map[uint64]struct{}
	turned     time.Time
	half       int
	every      time.Duration
	evicted    atomic.Int64 // forgotten before their time, for lack of room
}

func newResent(cfg ResentConfig, now time.Time) *resent {
	return &resent{
		young: map[uint64]struct{}{}, old: map[uint64]struct{}{}, turned: now, half: cfg.Max / 2, every: cfg.For,
	}
}

// again notes a key and says whether it was there.
func (r *resent) again(key uint64, now time.Time) bool {
	if age := now.Sub(r.turned); age >= r.every {
		if age >= 2*r.every {
			clear(r.young)
		}
		r.turn(now)
	}
	if _, ok := r.young[key]; ok {
		return true
	}
	if _, ok := r.old[key]; ok {
		return true
	}
	if len(r.young) >= r.half {
		r.evicted.Add(int64(len(r.old)))
		r.turn(now)
	}
	r.young[key] = struct{}{}
	return false
}

// forget takes keys out again: of a request that is refused after all.
func (r *resent) forget(keys []uint64) {
	for _, key := range keys {
		delete(r.young, key)
		delete(r.old, key)
	}
}

func (r *resent) turn(now time.Time) {
	clear(r.old)
	r.young, r.old, r.turned = r.old, r.young, now
}
