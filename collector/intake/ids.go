package intake

import "context"

type wrongIDsKey struct{}

// WithWrongIDs notes that n ids of a wrong length were left out of the request before it was decoded.
func WithWrongIDs(ctx context.Context, n int) context.Context {
	if n == 0 {
		return ctx
	}
	return context.WithValue(ctx, wrongIDsKey{}, n)
}

func wrongIDs(ctx context.Context) int64 {
	n, _ := ctx.Value(wrongIDsKey{}).(int)
	return int64(n)
}
