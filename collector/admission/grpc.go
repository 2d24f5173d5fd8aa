package admission

import (
	"context"
	"reflect"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"otelgate/collector/applications"
	"otelgate/collector/intake"
	"otelgate/collector/wire"
)

// GetGRPCServerOptions returns what lets requests in. gRPC has no single place that knows a request's size before it is
// decoded and can refuse it: the tap may refuse before a byte is read, the codec knows the size and can leave
// the message undecoded, the statistics know when the call ends, and the interceptor answers.
func (m *middleware) GetGRPCServerOptions(ctx context.Context) ([]grpc.ServerOption, error) {
	bounded, err := m.credentials(ctx)
	if err != nil {
		return nil, err
	}
	calls := &calls{middleware: m, decoded: &sync.Map{}}
	codec := &codec{CodecV2: encoding.GetCodecV2("proto"), calls: calls}
	return []grpc.ServerOption{
		grpc.Creds(bounded),
		grpc.ConnectionTimeout(handshake),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.InTapHandle(calls.tap),
		grpc.StatsHandler(calls),
		grpc.ForceServerCodecV2(codec),
		grpc.ChainUnaryInterceptor(calls.intercept),
	}, nil
}

// Of a connection before it has a request: how long it may take to be set up, TLS included, and how large headers are.
const (
	handshake      = 10 * time.Second
	maxHeaderBytes = 32 << 10
)

// credentials are those of the receiver's TLS configuration, which these replace, behind the bound on connections.
func (m *middleware) credentials(ctx context.Context) (credentials.TransportCredentials, error) {
	inner := insecure.NewCredentials()
	if m.cfg.TLS != nil {
		config, err := m.cfg.TLS.LoadTLSConfig(ctx)
		if err != nil {
			return nil, err
		}
		inner = credentials.NewTLS(config)
	}
	return &bounded{inner, func(remote string) (func(), error) { return m.gate.connect(context.Background(), remote) }}, nil
}

type calls struct {
	*middleware
	decoded *sync.Map // the outcome by message, from its decoding until its call is known
}

type outcome struct {
	ticket  *ticket
	refusal error
	seen    wire.Seen
	size    int64 // what it counts as
}

// call is what one RPC holds.
type call struct {
	application *applications.Application
	received    *ticket
	outcome
}

type callKey struct{}

func of(ctx context.Context) *call {
	found, _ := ctx.Value(callKey{}).(*call)
	if found == nil {
		return &call{}
	}
	return found
}

func (c *calls) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	var application *applications.Application
	if c.auth != nil {
		authenticated, err := c.auth.Authenticate(ctx, info.Header)
		if err != nil {
			return nil, status.Error(codes.Unauthenticated, err.Error())
		}
		application = applications.From(authenticated)
	}
	if err := c.gate.within(ctx, application); err != nil {
		return nil, err
	}
	received, err := c.gate.receive(ctx, -1)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, received.release) // where the call never begins
	return context.WithValue(ctx, callKey{}, &call{application: application, received: received}), nil
}

// pooled is the largest message, bytes, that is decoded from a buffer of the Collector's pool: larger buffers
// there have 4 or 16 MiB, however little the message needs, and stay in the pool.
const pooled = 1 << 20

// codec decodes a message when it has been admitted.
type codec struct {
	encoding.CodecV2
	calls *calls
}

// Unmarshal decodes, or leaves the message as it is: the call is then refused before anything looks at it.
func (c *codec) Unmarshal(data mem.BufferSlice, message any) error {
	ctx, gate, size := context.Background(), c.calls.gate, int64(data.Len())
	var seen wire.Seen
	admitted, refusal := gate.admit(ctx, size)
	if refusal == nil {
		whole := inOnePiece(data)
		defer whole.Free()
		var readable []byte
		readable, seen = wire.Of(reflect.TypeOf(message).String()).Protobuf(whole.ReadOnlyData())
		if seen.Size > size {
			admitted.release()
			admitted, refusal = gate.admit(ctx, seen.Size)
		}
		if refusal == nil {
			if err := c.CodecV2.Unmarshal(mem.BufferSlice{mem.SliceBuffer(readable)}, message); err != nil {
				admitted.release()
				return err
			}
		}
	}
	c.calls.decoded.Store(message, outcome{admitted, refusal, seen, max(size, seen.Size)})
	return nil
}

func inOnePiece(data mem.BufferSlice) mem.Buffer {
	if data.Len() > pooled {
		return mem.SliceBuffer(data.Materialize())
	}
	return data.MaterializeToBuffer(mem.DefaultBufferPool())
}

// TagRPC is part of stats.Handler.
func (*calls) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC gives the call what its message was admitted with, and takes it back at the call's end.
func (c *calls) HandleRPC(ctx context.Context, event stats.RPCStats) {
	switch event := event.(type) {
	case *stats.InPayload:
		if found, ok := c.decoded.LoadAndDelete(event.Payload); ok {
			call := of(ctx)
			call.outcome = found.(outcome)
			used(call.application, call.size)
			call.received.release()
		}
	case *stats.End:
		call := of(ctx)
		call.received.release()
		call.ticket.release()
	}
}

// TagConn is part of stats.Handler.
func (*calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn is part of stats.Handler.
func (*calls) HandleConn(context.Context, stats.ConnStats) {}

func (c *calls) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	call := of(ctx)
	if call.refusal != nil {
		return nil, call.refusal
	}
	return next(intake.WithLeftOut(ctx, call.seen), request)
}
