// Package resent remembers by hashes what came before, so that data that a client sends again is recognised.
package resent

import (
	"sync/atomic"
	"time"

	"otelgate/collector/fault"
)

// Memory holds hashes of 64 bits in two generations of which the older is dropped whole, so an entry lives between one
// and two times Config.For, and at most Config.Max of them do. A false hit takes two equal hashes: 1e-13 an item at a million
// entries. It is not safe for concurrent use.
type Memory struct {
	Young, Old map[uint64]struct{}
	Turned     time.Time // when Young began
	Half       int       // the most that one generation holds
	every      time.Duration
	Evicted    atomic.Int64 // forgotten before their time, for lack of room
}

// Config bounds a memory, under the key `resent`.
type Config struct {
	For time.Duration `mapstructure:"for"`
	Max int           `mapstructure:"max"`
}

// Fault names the settings that cannot be.
func (c Config) Fault() error {
	var faults fault.List
	faults.Unless(c.For > 0, "resent::for", c.For, "more than 0")
	faults.Unless(c.Max >= 2, "resent::max", c.Max, "at least 2")
	return faults.Err()
}

// New makes an empty one.
func New(cfg Config, now time.Time) *Memory {
	return &Memory{
		Young: map[uint64]struct{}{}, Old: map[uint64]struct{}{}, Turned: now, Half: cfg.Max / 2, every: cfg.For,
	}
}

// Has says whether a key was noted.
func (m *Memory) Has(key uint64, now time.Time) bool {
	if age := now.Sub(m.Turned); age >= m.every {
		if age >= 2*m.every {
			clear(m.Young)
		}
		m.turn(now)
	}
	if _, ok := m.Young[key]; ok {
		return true
	}
	_, ok := m.Old[key]
	return ok
}

// Again notes a key and says whether it was there.
func (m *Memory) Again(key uint64, now time.Time) bool {
	if m.Has(key, now) {
		return true
	}
	if len(m.Young) >= m.Half {
		m.Evicted.Add(int64(len(m.Old)))
		m.turn(now)
	}
	m.Young[key] = struct{}{}
	return false
}

// Forget takes keys out again: of a request that is refused after all.
func (m *Memory) Forget(keys []uint64) {
	for _, key := range keys {
		delete(m.Young, key)
		delete(m.Old, key)
	}
}

func (m *Memory) turn(now time.Time) {
	clear(m.Old)
	m.Young, m.Old, m.Turned = m.Old, m.Young, now
}
