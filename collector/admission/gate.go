package admission

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"otelgate/collector/admission/internal/metadata"
	"otelgate/collector/applications"
)

// gate lets requests in, in two steps: to be received, while their size is not known, and to be processed.
type gate struct {
	cfg       *Config
	disk      disk
	addresses *connections
	receiving *semaphore.Weighted
	process   *semaphore.Weighted
	inFlight  atomic.Int64 // bytes of the requests that are received or processed
	expected  estimate
	started   chan struct{} // closed when all pipelines are

	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
}

// firstShare of the bytes to receive is what a request is expected to take before one was seen: few go in at first.
const firstShare = 4

func newGate(cfg *Config, logger *zap.Logger) *gate {
	return &gate{
		cfg:       cfg,
		addresses: newConnections(cfg.MaxConnections),
		receiving: semaphore.NewWeighted(cfg.ReceiveBytes),
		process:   semaphore.NewWeighted(cfg.ProcessBytes),
		started:   make(chan struct{}),
		logger:    logger,
		expected:  estimate{bytes: float64(cfg.ReceiveBytes) / firstShare},
	}
}

// The reasons for which a request is refused.
var (
	byMemory  = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.reason", "memory")))
	byDisk    = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.reason", "disk")))
	byLimit   = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.reason", "application_limit")))
	byAddress = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.reason", "connections")))
	byStart   = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.reason", "starting")))
)

func (g *gate) observe(set component.TelemetrySettings) error {
	var err error
	if g.telemetry, err = metadata.NewTelemetryBuilder(set); err != nil {
		return err
	}
	return g.telemetry.RegisterHeldCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(g.inFlight.Load())
		return nil
	})
}

// ticket is the right to take memory. Its methods may be called more than once.
type ticket struct{ give func() }

func newTicket(give func()) *ticket { return &ticket{sync.OnceFunc(give)} }

func (t *ticket) release() {
	if t != nil {
		t.give()
	}
}

// connect counts one more connection, or request over HTTP, of a remote `address:port`.
func (g *gate) connect(ctx context.Context, remote string) (give func(), err error) {
	give, err = g.addresses.take(remote)
	if err != nil {
		g.telemetry.Refused.Add(ctx, 1, byAddress)
		g.logger.Warn("A connection was refused", zap.String("from", remote), zap.Error(err))
	}
	return give, err
}

// within says whether one more request is within its application's limits.
func (g *gate) within(ctx context.Context, application *applications.Application) error {
	if application == nil {
		return nil
	}
	if err := application.Limits.Take(); err != nil {
		g.telemetry.Refused.Add(ctx, 1, byLimit)
		return status.Error(codes.Unavailable, err.Error())
	}
	return nil
}

// used takes what a request counts as from its application's share of the next second.
func used(application *applications.Application, size int64) {
	if application != nil {
		application.Limits.Used(size)
	}
}

// receive lets a request be read; size is what it says of itself, or negative.
func (g *gate) receive(ctx context.Context, size int64) (*ticket, error) {
	if err := g.starting(ctx); err != nil {
		return nil, err
	}
	if err := g.diskFull(ctx, max(0, size)); err != nil {
		return nil, err
	}
	if size < 0 {
		size = g.expected.size()
	}
	weight := min(size, g.cfg.ReceiveBytes)
	if !g.receiving.TryAcquire(weight) {
		return nil, g.full(ctx)
	}
	return newTicket(func() { g.receiving.Release(weight) }), nil
}

// starting waits for the pipelines, or is the refusal of a request that came too early.
func (g *gate) starting(ctx context.Context) error {
	select {
	case <-g.started:
		return nil
	default:
	}
	select {
	case <-g.started:
		return nil
	case <-time.After(g.cfg.Wait):
		g.telemetry.Refused.Add(ctx, 1, byStart)
		return status.Error(codes.Unavailable, "the gateway is starting; try again")
	}
}

// tooLarge is the refusal of a request that counts as so many bytes, for good: its sender has to split it.
func (g *gate) tooLarge(size int64) error {
	if size <= g.cfg.Bytes() {
		return nil
	}
	return status.Error(codes.ResourceExhausted, g.cfg.Exceeded(size))
}

// admit lets a request that counts as this many bytes be decoded and processed, when its turn comes.
func (g *gate) admit(ctx context.Context, size int64) (*ticket, error) {
	if err := g.tooLarge(size); err != nil {
		return nil, err
	}
	if err := g.diskFull(ctx, size); err != nil {
		return nil, err
	}
	g.expected.saw(size)
	weight := min(int64(float64(size)*g.cfg.Factor), g.cfg.ProcessBytes) // one that is larger goes alone
	waiting, cancel := context.WithTimeout(ctx, g.cfg.Wait)
	defer cancel()
	if g.process.Acquire(waiting, weight) != nil {
		return nil, g.full(ctx)
	}
	g.inFlight.Add(size)
	return newTicket(func() {
		g.inFlight.Add(-size)
		g.process.Release(weight)
	}), nil
}

// diskFull is the refusal of a request of this many bytes that the queues' disk has no room for.
func (g *gate) diskFull(ctx context.Context, size int64) error {
	if g.disk == nil {
		return nil
	}
	err := g.disk.Refusal(g.inFlight.Load() + size)
	if err == nil {
		return nil
	}
	g.telemetry.Refused.Add(ctx, 1, byDisk)
	return status.Error(codes.Unavailable, err.Error())
}

func (g *gate) full(ctx context.Context) error {
	g.telemetry.Refused.Add(ctx, 1, byMemory)
	return status.Error(codes.Unavailable, fmt.Sprintf("the gateway processes as much as OTELGATE_MEMORY_LIMIT_MIB allows (%d bytes of requests); try again",
		g.inFlight.Load()))
}

// estimate is the expected size of a request without a declared one: it rises immediately to the largest, and falls slowly
// to the usual size, so that one large sender does not represent all.
type estimate struct {
	mu    sync.Mutex
	bytes float64
}

const (
	fall          = 0.1
	leastEstimate = 16 << 10
)

func (e *estimate) size() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return max(leastEstimate, int64(e.bytes))
}

func (e *estimate) saw(size int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bytes = max(float64(size), (1-fall)*e.bytes+fall*float64(size))
}
