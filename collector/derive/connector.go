package derive

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

// connector derives the metrics of one signal: the Collector makes one for traces and one for logs.
type connector struct {
	config *Config
	plan   *plan
	next   consumer.Metrics
	logger *zap.Logger
	clock  func() time.Time

	seed    maphash.Seed
	records sync.Pool
	resent  *resent

	flushing sync.Mutex
	flushed  pcommon.Timestamp // time of the last flush's points

	again, flushErrors atomic.Int64

	stop      context.CancelFunc
	stopped   chan struct{}
	telemetry *telemetry
}

func newConnector(cfg *Config, signal string, next consumer.Metrics, settings component.TelemetrySettings,
	clock func() time.Time,
) (*connector, error) {
	metrics, err := loadList(cfg.MetricsFile)
	if err != nil {
		return nil, err
	}
	c := &connector{
		config: cfg, plan: compile(metrics, cfg, signal), next: next, logger: settings.Logger, clock: clock,
		seed: maphash.MakeSeed(), resent: newResent(cfg.Resent, clock()),
	}
	c.records.New = func() any { return newRecord(c.plan, c.seed) }
	c.telemetry, err = c.observe(settings.MeterProvider, signal)
	return c, err
}

// Start begins to flush.
func (c *connector) Start(context.Context, component.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop, c.stopped = cancel, make(chan struct{})
	ticker := time.NewTicker(c.config.FlushInterval)
	go func() {
		defer close(c.stopped)
		defer ticker.Stop()
		c.run(ctx, ticker.C)
	}()
	return nil
}

// run flushes at each tick, everything at the first tick after each refresh interval.
func (c *connector) run(ctx context.Context, ticks <-chan time.Time) {
	refreshed := c.clock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		// Half a tick early rather than a tick late, which ticks that drift would make it.
		all := c.clock().Sub(refreshed) >= c.config.RefreshInterval-c.config.FlushInterval/2
		if all {
			refreshed = c.clock()
		}
		c.flush(ctx, all)
	}
}

// Shutdown writes what changed since the last flush.
func (c *connector) Shutdown(ctx context.Context) error {
	if c.stop != nil {
		c.stop()
		<-c.stopped
		c.flush(ctx, false)
	}
	return c.telemetry.close()
}

// Capabilities: records are only read.
func (*connector) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{}
}

// ConsumeTraces measures every span that was not measured before. It never fails: what the client has
// to send again because of another branch is known then.
func (c *connector) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	r := c.records.Get().(*record)
	defer c.records.Put(r)
	now := c.clock()
	r.at = pcommon.NewTimestampFromTime(now)
	for _, resource := range traces.ResourceSpans().All() {
		r.readResource(resource.Resource())
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				c.span(r, span, now)
			}
		}
	}
	return nil
}

func (c *connector) span(r *record, span ptrace.Span, now time.Time) {
	r.readSpan(span)
	known := false
	for _, m := range c.plan.metrics {
		if !m.matches(r.fields) {
			continue
		}
		if !known {
			// A span without ids can't be told from another, and counts.
			if !r.trace.IsEmpty() && !r.span.IsEmpty() && c.resent.again(r.identity(), now) {
				c.again.Add(1)
				return
			}
			known = true
			r.weight = weightOf(span.TraceState().AsRaw())
			r.resolve()
		}
		m.measure(r)
	}
}

// ConsumeLogs measures every event that was not measured before; it never fails either.
func (c *connector) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	r := c.records.Get().(*record)
	defer c.records.Put(r)
	now := c.clock()
	r.at = pcommon.NewTimestampFromTime(now)
	for _, resource := range logs.ResourceLogs().All() {
		r.readResource(resource.Resource())
		origin := r.hashMap(resource.Resource().Attributes())
		for _, scope := range resource.ScopeLogs().All() {
			for _, event := range scope.LogRecords().All() {
				c.event(r, event, origin, now)
			}
		}
	}
	return nil
}

func (c *connector) event(r *record, event plog.LogRecord, origin uint64, now time.Time) {
	r.readEvent(event)
	known := false
	for _, m := range c.plan.metrics {
		if !m.matches(r.fields) {
			continue
		}
		if !known {
			if c.resent.again(r.eventIdentity(event, origin), now) {
				c.again.Add(1)
				return
			}
			known = true
			r.resolve()
		}
		m.measure(r)
	}
}
