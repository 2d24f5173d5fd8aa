package storeanswers

import (
	"context"
	"net/http"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Answer is what a store said to one request.
type Answer struct{ refused atomic.Bool }

// Refused says that the store answered, and refused this request: it may accept another one now. A store that is
// unreachable, or refuses the gateway's credentials, accepts none.
func (a *Answer) Refused() bool { return a.refused.Load() }

type answerKey struct{}

// Watch returns a context for one request, whose answer is noted when it is here.
func Watch(ctx context.Context) (context.Context, *Answer) {
	a := &Answer{}
	return context.WithValue(ctx, answerKey{}, a), a
}

func note(ctx context.Context, refused bool) {
	if a, ok := ctx.Value(answerKey{}).(*Answer); ok {
		a.refused.Store(refused)
	}
}

// refusesRequest says whether an answer is about the request, as a rate limit or a fault of the store is.
func refusesRequest(said *status.Status) bool {
	switch said.Code() {
	case codes.ResourceExhausted, codes.Internal, codes.Unknown, codes.Aborted, codes.OutOfRange, codes.DataLoss,
		codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound:
		return true
	}
	return saysWhen(said)
}

func refusesStatus(code int) bool {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return false
	}
	return code >= http.StatusBadRequest
}
