package derive

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"otelgate/collector/derive/internal/metadata"
	"otelgate/collector/fault"
	"otelgate/collector/resent"
)

// connector derives the metrics of one signal: the Collector makes one for traces and one for logs.
type connector struct {
	config *Config
	plan   *plan
	next   consumer.Metrics
	logger *zap.Logger
	clock  func() time.Time

	// One request at a time: the journal holds them in the order in which they were added up.
	counting sync.Mutex
	record   *record
	resent   *resent.Memory
	journal  *journal  // nil: nothing is kept on disk
	numbered uint64    // the last series that the journal knows
	fresh    []touched // scratch
	frame    []byte

	flushing sync.Mutex
	flushed  moment // time of the last flush's points
	begun    moment // and of the last zero

	again, flushErrors, refused, unfit atomic.Int64

	stop      context.CancelFunc
	stopped   chan struct{}
	telemetry *metadata.TelemetryBuilder
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
		resent: resent.New(cfg.Resent, clock()),
	}
	c.record = newRecord(c.plan, rand.Uint64())
	if cfg.Journal.Directory != "" {
		c.journal = newJournal(cfg.Journal, signal, settings.Logger)
	}
	c.telemetry, err = c.observe(settings, signal)
	return c, err
}

// Start goes on where the last run ended, and begins to flush.
func (c *connector) Start(context.Context, component.Host) error {
	if c.journal != nil {
		if err := os.MkdirAll(c.config.Journal.Directory, 0o750); err != nil {
			return fault.Of("journal::directory", c.config.Journal.Directory, "a folder that can be written: %w", err)
		}
		c.restore()
	}
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
	var err error
	if c.stop != nil {
		c.stop()
		<-c.stopped
		c.flush(ctx, false)
		if c.journal != nil {
			err = c.journal.close()
		}
	}
	c.telemetry.Shutdown()
	return err
}

// Capabilities: records are only read.
func (*connector) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{}
}

// ConsumeTraces counts every span that was not counted before. After an error none of the request is.
func (c *connector) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	c.counting.Lock()
	defer c.counting.Unlock()
	r, now := c.begin()
	for _, resource := range traces.ResourceSpans().All() {
		r.readResource(resource.Resource())
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				c.span(r, span, now)
			}
		}
	}
	return c.count(r)
}

func (c *connector) span(r *record, span ptrace.Span, now time.Time) {
	r.readSpan(span)
	known := false
	for _, m := range c.plan.metrics {
		if !m.matches(r.fields) {
			continue
		}
		if !known {
			// Spans without ids are indistinguishable, and count.
			if !r.trace.IsEmpty() && !r.span.IsEmpty() && c.isAgain(r, r.identity(), now) {
				return
			}
			known = true
			r.weight = weightOf(span.TraceState().AsRaw())
			r.resolve()
		}
		m.measure(r)
	}
}

// ConsumeLogs does the same for events.
func (c *connector) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	c.counting.Lock()
	defer c.counting.Unlock()
	r, now := c.begin()
	for _, resource := range logs.ResourceLogs().All() {
		r.readResource(resource.Resource())
		origin := r.hashMap(resource.Resource().Attributes())
		for _, scope := range resource.ScopeLogs().All() {
			for _, event := range scope.LogRecords().All() {
				c.event(r, event, origin, now)
			}
		}
	}
	return c.count(r)
}

func (c *connector) event(r *record, event plog.LogRecord, origin uint64, now time.Time) {
	r.readEvent(event)
	known := false
	for _, m := range c.plan.metrics {
		if !m.matches(r.fields) {
			continue
		}
		if !known {
			if c.isAgain(r, r.eventIdentity(event, origin), now) {
				return
			}
			known = true
			r.resolve()
		}
		m.measure(r)
	}
}

// begin takes the time of a request, and of the zeros of the series that start with it.
func (c *connector) begin() (*record, time.Time) {
	now := c.clock()
	r := c.record
	r.at = pcommon.NewTimestampFromTime(now)
	r.begin = max(r.at-pcommon.Timestamp(zeroLead), c.flushed.load()+pcommon.Timestamp(zeroLead))
	return r, now
}

func (c *connector) isAgain(r *record, key uint64, now time.Time) bool {
	if c.resent.Again(key, now) {
		r.tally.again++
		return true
	}
	r.tally.keys = append(r.tally.keys, key)
	return false
}

// count adds up what the request has, once it is on disk.
func (c *connector) count(r *record) error {
	t := &r.tally
	defer t.reset()
	err := c.keep(r)
	if err != nil {
		t.undo(c.resent)
		c.refused.Add(1)
	} else {
		c.begun.raise(r.begin)
		t.settle(r.at)
		c.again.Add(t.again)
	}
	for _, m := range c.plan.metrics {
		m.series.publish(err == nil)
	}
	if c.journal != nil && c.journal.full() {
		c.journal.compact(c.writeSnapshot)
	}
	return err
}

func (c *connector) keep(r *record) error {
	if c.journal == nil || r.tally.empty() {
		return nil
	}
	c.frame = c.writeRequest(c.frame[:0], r)
	return c.journal.append(c.frame)
}

// moment is a time that only goes forward.
type moment struct{ at atomic.Uint64 }

func (m *moment) load() pcommon.Timestamp { return pcommon.Timestamp(m.at.Load()) }

func (m *moment) raise(to pcommon.Timestamp) {
	for before := m.at.Load(); before < uint64(to) && !m.at.CompareAndSwap(before, uint64(to)); {
		before = m.at.Load()
	}
}
