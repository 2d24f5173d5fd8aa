package applications

import (
	"fmt"
	"sync"
	"time"
)

// Limits of an application, over all its connections. Both buckets hold a second's worth. A request is accepted while
// there is something left, and then takes all that it needs, so that the next ones wait until that is refilled: its size
// is known only when it has been read.
type Limits struct {
	mu       sync.Mutex
	requests bucket
	bytes    bucket
	now      func() time.Time
}

type bucket struct {
	perSecond float64 // 0: no limit
	left      float64
	at        time.Time
}

func newLimits(requestsPerSecond, mibPerSecond float64) *Limits {
	perSecond := mibPerSecond * (1 << 20)
	return &Limits{
		requests: bucket{perSecond: requestsPerSecond, left: max(1, requestsPerSecond)},
		bytes:    bucket{perSecond: perSecond, left: perSecond},
		now:      time.Now,
	}
}

// Take lets one more request in, or says in words for its sender which limit it is over.
func (l *Limits) Take() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.requests.fill(now)
	l.bytes.fill(now)
	switch {
	case l.requests.perSecond > 0 && l.requests.left < 1:
		return fmt.Errorf("more than requests_per_second=%g of this application; try again", l.requests.perSecond)
	case l.bytes.perSecond > 0 && l.bytes.left <= 0:
		return fmt.Errorf("more than mib_per_second=%g of this application; try again", l.bytes.perSecond/(1<<20))
	}
	l.requests.left--
	return nil
}

// Used takes the bytes that a request counts as.
func (l *Limits) Used(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes.fill(l.now())
	l.bytes.left -= float64(bytes)
}

func (b *bucket) fill(now time.Time) {
	if !b.at.IsZero() {
		b.left = min(max(1, b.perSecond), b.left+b.perSecond*now.Sub(b.at).Seconds())
	}
	b.at = now
}
