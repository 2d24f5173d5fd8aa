package intake

import (
	"context"

	"otelgate/collector/wire"
)

type leftOutKey struct{}

// WithLeftOut notes what was left out of the request before it was decoded.
func WithLeftOut(ctx context.Context, seen wire.Seen) context.Context {
	if seen.WrongIDs == 0 && seen.TooDeep == 0 {
		return ctx
	}
	return context.WithValue(ctx, leftOutKey{}, seen)
}

// leftOut adds it to what the request's items came to.
func (t *tally) leftOut(ctx context.Context) {
	if seen, ok := ctx.Value(leftOutKey{}).(wire.Seen); ok {
		t.any = true
		t.by[reasonID] += int64(seen.WrongIDs)
		t.by[reasonDepth] += int64(seen.TooDeep)
	}
}
