package derived

import (
	"sync"
	"time"
)

// fresh is how long a note holds. Derived series are written every 15 s until nothing added to them for an hour.
const fresh = time.Minute

// Registry knows what is derived for whom.
type Registry struct {
	mu    sync.Mutex
	seen  map[key]time.Time
	swept time.Time
}

type key struct{ metric, service, environment string }

// Process is the registry of this process: the pipeline that derives and the one that accumulates share it.
var Process = NewRegistry()

// NewRegistry is empty.
func NewRegistry() *Registry {
	return &Registry{seen: map[key]time.Time{}}
}

// Note remembers that a metric of a service was derived now.
func (r *Registry) Note(metric, service, environment string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[key{metric, service, environment}] = now
	if now.Sub(r.swept) > fresh {
		r.swept = now
		for key, at := range r.seen {
			if now.Sub(at) > fresh {
				delete(r.seen, key)
			}
		}
	}
}

// Derives says whether the gateway has this metric from the service's spans.
func (r *Registry) Derives(metric, service, environment string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.seen[key{metric, service, environment}]
	return ok && now.Sub(at) <= fresh
}
