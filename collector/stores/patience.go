package stores

import (
	"sync"
	"time"
)

const (
	// mostRefused batches go to the second queue one after the other, without one that the store took between them.
	// Beyond, the store seems to refuse all: batches stay in their order, and one goes each patienceFor, so that those
	// which are refused for what they hold do not keep the others from being tried.
	mostRefused = 20
	patienceFor = 5 * time.Second
)

// patience is how long a batch that the store refuses for now is tried before it makes room for the next. Its zero value
// is ready.
type patience struct {
	mu      sync.Mutex
	refused int
	next    time.Time
}

// ends says whether one more batch goes to the second queue.
func (p *patience) ends(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused >= mostRefused && now.Before(p.next) {
		return false
	}
	p.refused++
	p.next = now.Add(patienceFor)
	return true
}

// renew it: the store took something.
func (p *patience) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = 0
}

const (
	shortPause = time.Second
	longPause  = 5 * time.Second
)

// pause is between two requests of the second queue that the store refuses for now. Only its consumer uses it.
type pause struct{ length time.Duration }

// wait ends early when the exporter stops.
func (p *pause) wait(stop <-chan struct{}) {
	p.length = min(longPause, max(shortPause, 2*p.length))
	timer := time.NewTimer(p.length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	}
}

func (p *pause) reset() { p.length = 0 }
