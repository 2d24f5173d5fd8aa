package storeanswers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"otelgate/collector/fault"
	"otelgate/collector/storeanswers/internal/metadata"
)

// Config of the extension.
type Config struct {
	// Wait after an accepted gRPC request: so long, and as long again as the request took, since a store that is slow to
	// answer is slow to write, too. 0: the store answers when the data are safe.
	Wait time.Duration `mapstructure:"wait"`
}

// Validate names a wait that cannot be.
func (c *Config) Validate() error {
	if c.Wait < 0 {
		return fault.Of("wait", c.Wait, "0s or more")
	}
	return nil
}

// NewFactory makes the extension `store_answers`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config { return &Config{} },
		func(_ context.Context, _ extension.Settings, config component.Config) (extension.Extension, error) {
			return middleware{wait: config.(*Config).Wait}, nil
		},
		metadata.ExtensionStability)
}

type middleware struct {
	wait time.Duration
}

func (middleware) Start(context.Context, component.Host) error { return nil }

func (middleware) Shutdown(context.Context) error { return nil }

// GetGRPCClientOptions returns the interceptor that makes an answer which is not final UNAVAILABLE.
func (m middleware) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(m.intercept)}, nil
}

func (m middleware) intercept(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	began := time.Now()
	err := invoke(ctx, method, request, reply, conn, options...)
	if err == nil && m.wait > 0 {
		return stays(conn, m.wait+time.Since(began))
	}
	said := status.Convert(err)
	note(ctx, err != nil && refusesRequest(said))
	if understood(said) {
		return err
	}
	return status.Errorf(codes.Unavailable, "%s: %s", said.Code(), said.Message())
}

// stays returns an error when the connection breaks within the time: the store may have stopped before it wrote the data.
// The exporter's timeout is for the answer, which is here: it does not end the wait.
func stays(conn *grpc.ClientConn, wait time.Duration) error {
	ctx, done := context.WithTimeout(context.Background(), wait)
	defer done()
	if conn.GetState() == connectivity.Ready && !conn.WaitForStateChange(ctx, connectivity.Ready) {
		return nil
	}
	return status.Errorf(codes.Unavailable, "the connection broke within %s of the answer", wait)
}

// understood says whether the exporter takes the answer for what it is.
func understood(said *status.Status) bool {
	switch said.Code() {
	case codes.OK:
		return true
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true // it sends the request again
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists:
		return true // final: it is about this request
	case codes.ResourceExhausted:
		return saysWhen(said) || strings.Contains(said.Message(), "larger than max") // gRPC's own words on a message's size
	}
	return false
}

// saysWhen to send the request again.
func saysWhen(said *status.Status) bool {
	for _, detail := range said.Details() {
		if _, ok := detail.(*errdetails.RetryInfo); ok {
			return true
		}
	}
	return false
}

// GetHTTPRoundTripper returns what makes an answer that is not final an error of the transport, which is retried.
func (middleware) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		return transport{next}, nil
	}, nil
}

type transport struct{ next http.RoundTripper }

// longest part of an answer's text that an error shows, bytes.
const longest = 500

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(request)
	note(request.Context(), err == nil && refusesStatus(answer.StatusCode))
	if err != nil || understoodStatus(answer.StatusCode) {
		return answer, err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, longest))
	return nil, fmt.Errorf("the store answered %s: %s", answer.Status, strings.TrimSpace(string(text)))
}

func understoodStatus(code int) bool {
	switch code {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true // the exporters send the request again, which remote write does not after 429
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true // final: it is about this request
	}
	return code < http.StatusBadRequest
}
