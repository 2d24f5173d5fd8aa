package answers

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"otelgate/collector/intake"
)

// GetGRPCServerOptions returns the interceptor that adds partial success, and what counts requests that are too large:
// gRPC itself refuses those, from their first bytes.
func (m *middleware) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(intercept), grpc.StatsHandler(watcher{m})}, nil
}

func intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, refusals := intake.WithRefusals(ctx)
	response, err := handle(ctx, request)
	if n, why := refusals.Items(); n > 0 && err == nil {
		if said := partial(info.FullMethod, n, why, false); said != nil {
			return encoded(said), nil
		}
	}
	return response, err
}

// encoded is a message as the codec of pdata takes it, which marshals without reflection what has these methods.
type encoded []byte

func (e encoded) SizeProto() int { return len(e) }

func (e encoded) MarshalProto(to []byte) int { return copy(to, e) }

func (encoded) UnmarshalProto([]byte) error { return errors.New("an answer is not read") }

type watcher struct{ *middleware }

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (watcher) HandleConn(context.Context, stats.ConnStats) {}

func (w watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if end, ok := event.(*stats.End); ok && end.Error != nil {
		said := status.Convert(end.Error)
		if said.Code() == codes.ResourceExhausted && strings.Contains(said.Message(), "larger than max") {
			w.tooLarge(ctx, overGRPC)
		}
	}
}
