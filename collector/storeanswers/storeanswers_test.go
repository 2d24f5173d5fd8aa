package storeanswers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func answered(err error) error {
	invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return err }
	return intercept(context.Background(), "Export", nil, nil, nil, invoke)
}

func TestFinalAnswersStayAndOthersAreRetried(t *testing.T) {
	stays := map[codes.Code]bool{
		codes.OK: true, codes.Canceled: true, codes.DeadlineExceeded: true, codes.Aborted: true, codes.OutOfRange: true,
		codes.Unavailable: true, codes.DataLoss: true, codes.InvalidArgument: true, codes.FailedPrecondition: true, codes.AlreadyExists: true,
	}
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		got := status.Convert(answered(status.Error(code, "Ingester is shutting down")))
		switch {
		case stays[code] && got.Code() != code:
			t.Errorf("%s became %s", code, got.Code())
		case !stays[code] && (got.Code() != codes.Unavailable || got.Message() != code.String()+": Ingester is shutting down"):
			t.Errorf("%s became %s: %s", code, got.Code(), got.Message())
		}
	}
	if got := status.Code(answered(io.ErrUnexpectedEOF)); got != codes.Unavailable {
		t.Errorf("an error without a status became %s", got)
	}
}

func TestExhaustedStoreIsRetriedUnlessTheMessageIsTooLarge(t *testing.T) {
	later, err := status.New(codes.ResourceExhausted, "too many").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(1)})
	if err != nil {
		t.Fatal(err)
	}
	for said, want := range map[*status.Status]codes.Code{
		later: codes.ResourceExhausted,
		status.New(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"): codes.ResourceExhausted,
		status.New(codes.ResourceExhausted, "RATE_LIMITED: ingestion rate limit"):               codes.Unavailable,
	} {
		if got := status.Code(answered(said.Err())); got != want {
			t.Errorf("%s became %s, want %s", said, got, want)
		}
	}
}

func TestHTTPAnswersThatAreNotFinalAreErrors(t *testing.T) {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &code)
		http.Error(w, "it says why", code)
	}))
	defer store.Close()
	wrap, _ := middleware{}.GetHTTPRoundTripper(context.Background())
	made, _ := wrap(context.Background(), http.DefaultTransport)
	client := http.Client{Transport: made}
	for code, final := range map[int]bool{
		200: true, 204: true, 400: true, 413: true, 422: true, 502: true, 503: true, 504: true,
		401: false, 403: false, 404: false, 405: false, 429: false, 500: false, 507: false,
	} {
		answer, err := client.Get(fmt.Sprintf("%s/%d", store.URL, code))
		if final != (err == nil) || (err == nil && answer.StatusCode != code) {
			t.Errorf("%d: %v", code, err)
		}
		if err != nil && !strings.HasSuffix(err.Error(), fmt.Sprintf("the store answered %d %s: it says why", code, http.StatusText(code))) {
			t.Errorf("%d: %v", code, err)
		}
		if err == nil {
			answer.Body.Close()
		}
	}
}
