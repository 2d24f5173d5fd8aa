package intake

import (
	"context"
	"sync"
)

// Refusals gathers, for one request, the items that were refused, so that the answer can say so: the Collector's
// receivers answer with success or an error for all, and the answers extension adds OTLP's partial success.
type Refusals struct {
	mu    sync.Mutex
	items int64
	text  string
}

func (r *Refusals) add(n int64, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items += n
	r.text = text
}

// Items returns how many items were refused, and why the most.
func (r *Refusals) Items() (int64, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.items, r.text
}

type refusalsKey struct{}

// WithRefusals returns a context in which the processor notes what it refuses.
func WithRefusals(ctx context.Context) (context.Context, *Refusals) {
	r := &Refusals{}
	return context.WithValue(ctx, refusalsKey{}, r), r
}

func refusalsOf(ctx context.Context) *Refusals {
	r, _ := ctx.Value(refusalsKey{}).(*Refusals)
	return r
}
