package storeanswers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestRefusedRequestDoesNotMarkStoreUnavailable(t *testing.T) {
	for _, each := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{io.ErrUnexpectedEOF, true}, // UNKNOWN: the store broke off
		{status.Error(codes.ResourceExhausted, "stream limit"), true},
		{status.Error(codes.Internal, "panic"), true},
		{status.Error(codes.InvalidArgument, "no trace id"), true},
		{status.Error(codes.Unavailable, "connection refused"), false},
		{status.Error(codes.DeadlineExceeded, "no answer"), false},
		{status.Error(codes.Unauthenticated, "another password"), false},
	} {
		ctx, answer := Watch(context.Background())
		invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return each.err }
		_ = middleware{}.intercept(ctx, "Export", nil, nil, nil, invoke)
		if answer.Refused() != each.want {
			t.Errorf("%v: refused %t", each.err, answer.Refused())
		}
	}
}

func TestRefusalByHTTPIsNoted(t *testing.T) {
	for code, want := range map[int]bool{200: false, 400: true, 401: false, 404: false, 429: true, 500: true, 503: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		ctx, answer := Watch(context.Background())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (transport{http.DefaultTransport}).RoundTrip(request); err == nil {
			got.Body.Close()
		}
		server.Close()
		if answer.Refused() != want {
			t.Errorf("%d: refused %t", code, answer.Refused())
		}
		ctx, answer = Watch(context.Background())
		request, err = http.NewRequestWithContext(ctx, http.MethodPost, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (transport{http.DefaultTransport}).RoundTrip(request); err == nil || answer.Refused() {
			t.Errorf("a store that is away: %v, refused %t", err, answer.Refused())
		}
	}
}
