package derive

import (
	"sync"
	"sync/atomic"
	"time"
)

const resentShards = 16

// resent remembers what was counted, for a while: a client whose request one branch of the gateway
// refused sends it again to all of them. It holds hashes of 64 bits in two generations of which the
// older is dropped whole, so an entry lives between one and two times `every`, and at most `limit` of
// them do. A false hit takes two equal hashes: 1e-13 a span at a million entries.
type resent struct {
	shards  [resentShards]resentShard
	half    int
	every   time.Duration
	evicted atomic.Int64 // forgotten before their time, for lack of room
}

type resentShard struct {
	sync.Mutex
	young, old map[uint64]struct{}
	turned     time.Time
}

func newResent(cfg ResentConfig, now time.Time) *resent {
	r := &resent{half: cfg.Max / resentShards / 2, every: cfg.For}
	for i := range r.shards {
		r.shards[i] = resentShard{young: map[uint64]struct{}{}, old: map[uint64]struct{}{}, turned: now}
	}
	return r
}

// again notes a key and says whether it was there.
func (r *resent) again(key uint64, now time.Time) bool {
	shard := &r.shards[key%resentShards]
	shard.Lock()
	defer shard.Unlock()
	if age := now.Sub(shard.turned); age >= r.every {
		if age >= 2*r.every {
			clear(shard.young)
		}
		shard.turn(now)
	}
	if _, ok := shard.young[key]; ok {
		return true
	}
	if _, ok := shard.old[key]; ok {
		return true
	}
	if len(shard.young) >= r.half {
		r.evicted.Add(int64(len(shard.old)))
		shard.turn(now)
	}
	shard.young[key] = struct{}{}
	return false
}

func (s *resentShard) turn(now time.Time) {
	clear(s.old)
	s.young, s.old, s.turned = s.old, s.young, now
}
