package storeanswers

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func answered(err error) error {
	invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return err }
	return middleware{}.intercept(context.Background(), "Export", nil, nil, nil, invoke)
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

// serve answers on its own port.
func serve(t *testing.T) (server *grpc.Server, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return server, listener.Addr().String()
}

// send asks the store through a middleware with the wait; the channel has the result when the wait is over.
func send(t *testing.T, address string, wait time.Duration, answered func()) <-chan error {
	t.Helper()
	seen := func(
		ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		defer answered()
		return invoke(ctx, method, request, reply, conn, options...)
	}
	made, _ := middleware{wait: wait}.GetGRPCClientOptions(context.Background())
	options := append(made, grpc.WithChainUnaryInterceptor(seen), grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	result := make(chan error, 1)
	go func() {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		result <- err
	}()
	return result
}

func TestAnswerIsAnErrorWhenTheConnectionBreaksInTheWait(t *testing.T) {
	server, address := serve(t)
	answered := make(chan struct{})
	result := send(t, address, time.Hour, func() { close(answered) })
	<-answered
	server.Stop()
	if err := <-result; status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "the connection broke within 1h0m0") {
		t.Errorf("the result is %v", err)
	}
}

func TestAnswerIsFinalAfterTheWait(t *testing.T) {
	_, address := serve(t)
	var at time.Time
	const wait = 50 * time.Millisecond
	if err := <-send(t, address, wait, func() { at = time.Now() }); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(at); waited < wait {
		t.Errorf("it waited %s of %s", waited, wait)
	}
}

func TestWaitBelowZeroIsRefused(t *testing.T) {
	err := (&Config{Wait: -time.Second}).Validate()
	if err == nil || err.Error() != "wait='-1s': expected 0s or more" {
		t.Errorf("the error is %v", err)
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
