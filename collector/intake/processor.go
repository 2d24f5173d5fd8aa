package intake

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.uber.org/zap"

	"otelgate/collector/applications"
	"otelgate/collector/redact"
)

// gate is the processor of one signal.
type gate struct {
	cfg       *Config
	signal    string
	telemetry *telemetry
	logger    *zap.Logger
	now       func() time.Time
	arrivals  *arrivals
	secret    func(metric string) bool
}

func newGate(cfg *Config, set component.TelemetrySettings, signal string) (*gate, error) {
	t, err := newTelemetry(set, signal)
	secret, err2 := redact.MetricNames(cfg.PolicyFile)
	return &gate{
		cfg: cfg, signal: signal, telemetry: t, logger: set.Logger, now: time.Now, arrivals: newArrivals(), secret: secret,
	}, errors.Join(err, err2)
}

func (g *gate) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	var y tally
	y.ownTraces(ctx, td)
	c := g.clock(earliest)
	for _, rs := range td.ResourceSpans().All() {
		y.resource(rs.Resource(), false)
		y.schema(rs)
		for _, ss := range rs.ScopeSpans().All() {
			y.scope(ss.Scope(), false)
			y.schema(ss)
			refused := false
			for _, span := range ss.Spans().All() {
				refused = y.span(span, g.cfg.MaxItemBytes, c) || refused
			}
			if refused {
				ss.Spans().RemoveIf(isLost)
			}
		}
	}
	g.finish(ctx, &y, func() string { return first(td.ResourceSpans()) })
	if y.anyRefused() {
		return td, pruneTraces(td)
	}
	return td, nil
}

func (g *gate) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	var y tally
	y.ownLogs(ctx, ld)
	now := g.clock(earliest)
	now.oldest = now.now - uint64(g.cfg.MaxLogAge)
	limit := min(g.cfg.MaxItemBytes, MaxLineBytes)
	for _, rl := range ld.ResourceLogs().All() {
		y.resource(rl.Resource(), true)
		y.schema(rl)
		for _, sl := range rl.ScopeLogs().All() {
			y.scope(sl.Scope(), true)
			y.schema(sl)
			for _, record := range sl.LogRecords().All() {
				y.record(record, limit, now)
			}
		}
	}
	g.finish(ctx, &y, func() string { return first(ld.ResourceLogs()) })
	if ld.ResourceLogs().Len() == 0 {
		return ld, processorhelper.ErrSkipProcessingData
	}
	return ld, nil
}

func (g *gate) metrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	p := points{clock: g.clock(earliest), age: uint64(g.cfg.MaxPointAge), secret: g.secret, application: applications.From(ctx)}
	p.ownMetrics(ctx, md)
	for _, rm := range md.ResourceMetrics().All() {
		p.tally.resource(rm.Resource(), true)
		p.tally.schema(rm)
		for _, sm := range rm.ScopeMetrics().All() {
			p.tally.scope(sm.Scope(), true)
			p.tally.schema(sm)
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return !p.metric(m) })
		}
	}
	p.move()
	g.finish(ctx, &p.tally, func() string { return first(md.ResourceMetrics()) })
	if p.anyRefused() {
		return md, pruneMetrics(md)
	}
	return md, nil
}

// pruneTraces removes what has become empty; where nothing is left, exporters are not asked.
func pruneTraces(td ptrace.Traces) error {
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool { return ss.Spans().Len() == 0 })
		return rs.ScopeSpans().Len() == 0
	})
	if td.ResourceSpans().Len() == 0 {
		return processorhelper.ErrSkipProcessingData
	}
	return nil
}

func pruneMetrics(md pmetric.Metrics) error {
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Metrics().Len() == 0 })
		return rm.ScopeMetrics().Len() == 0
	})
	if md.ResourceMetrics().Len() == 0 {
		return processorhelper.ErrSkipProcessingData
	}
	return nil
}

// finish counts, logs and tells the sender.
func (g *gate) finish(ctx context.Context, y *tally, who func() string) {
	y.leftOut(ctx)
	if !y.any {
		return
	}
	g.telemetry.report(ctx, y)
	n, why := y.refused()
	if n == 0 {
		return
	}
	said := []zap.Field{zap.String("signal", g.signal), zap.Int64("items", n), zap.String("reason", why), zap.String("service.name", cmp.Or(head(y.claimed, 64), who()))}
	if application := applications.From(ctx); application != nil {
		said = append(said, zap.String("application", application.Name))
	}
	g.logger.Warn("refused items; docs/reference/limits.md says more", said...)
	Refuse(ctx, n, why)
}

// first is the service of the first resource.
func first[R interface{ Resource() pcommon.Resource }](resources interface {
	Len() int
	At(int) R
},
) string {
	if resources.Len() == 0 {
		return ""
	}
	name, ok := resources.At(0).Resource().Attributes().Get(serviceName)
	if !ok {
		return ""
	}
	return head(name.AsString(), 64)
}
