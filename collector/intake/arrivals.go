package intake

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"
)

// arrivals remembers when items arrived whose own times could not be. One that its sender sends again, since some branch
// refused it, gets the time that it got before: stores tell items apart by their times.
type arrivals struct {
	mu           sync.Mutex
	seed         maphash.Seed
	young, older map[uint64]uint64
	since        time.Time
}

const (
	remembered    = 50_000 // in each of two generations, 3 MB together
	rememberedFor = 10 * time.Minute
)

func newArrivals() *arrivals {
	return &arrivals{seed: maphash.MakeSeed(), young: map[uint64]uint64{}}
}

// of returns the first arrival of what these parts make up.
func (a *arrivals) of(now time.Time, parts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	key := h.Sum64()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.young) >= remembered || now.Sub(a.since) > rememberedFor {
		a.young, a.older, a.since = map[uint64]uint64{}, a.young, now
	}
	first, ok := a.young[key]
	if !ok {
		if first, ok = a.older[key]; !ok {
			first = uint64(now.UnixNano())
		}
		a.young[key] = first
	}
	return first
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
