package intake

import (
	"context"
	"fmt"
	"sync"
)

// Refusals gathers, for one request, the items that were refused, so that the answer can say so: the Collector's
// receivers answer with success or an error for all, and the answers extension adds OTLP's partial success.
type Refusals struct {
	mu          sync.Mutex
	items, most int64
	why         string
}

// Items returns how many items were refused, and why the most, in words for the sender.
func (r *Refusals) Items() (int64, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.items, fmt.Sprintf("%d refused, most with the reason %s; see docs/reference/limits.md", r.items, r.why)
}

type refusalsKey struct{}

// WithRefusals returns a context in which processors note what they refuse.
func WithRefusals(ctx context.Context) (context.Context, *Refusals) {
	r := &Refusals{}
	return context.WithValue(ctx, refusalsKey{}, r), r
}

// Refuse notes that n items of the request were refused, by this processor or one behind it.
func Refuse(ctx context.Context, n int64, why string) {
	r, ok := ctx.Value(refusalsKey{}).(*Refusals)
	if !ok || n == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items += n
	if n > r.most {
		r.most, r.why = n, why
	}
}
