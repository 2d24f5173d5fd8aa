package redact

import (
	"hash/maphash"
	"sync/atomic"
)

// memory remembers short texts in which nothing was found. Names of models, tools and nodes, the ids of a run and the frames
// of a stack come with every span, and need not be read again. It holds hashes of 64 bits under a random seed and no text;
// a text is taken for another one with odds of 1e-19. A newer text takes the place of an older one. It is safe for
// concurrent use.
type memory struct {
	seed   maphash.Seed
	hashes [1 << 12]atomic.Uint64
}

// look is what a text was held against.
type look uint64

const (
	lookRules look = iota + 1 // nothing to mask
	lookName                  // a name, too
	lookFrame                 // a frame of a stack, too
)

const maxRemembered = 128 // bytes; longer texts seldom repeat

func newMemory() *memory { return &memory{seed: maphash.MakeSeed()} }

// knows says whether a text stood that look, and returns the key under which it can be added.
func (m *memory) knows(s string, l look) (key uint64, known bool) {
	key = maphash.String(m.seed, s) + uint64(l)
	return key, m.hashes[key%uint64(len(m.hashes))].Load() == key
}

func (m *memory) add(key uint64) { m.hashes[key%uint64(len(m.hashes))].Store(key) }
