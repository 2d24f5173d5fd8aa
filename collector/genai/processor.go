package genai

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/pricing"
)

// pricer says what a model call costs; *pricing.Table is one. It is called by many goroutines.
type pricer interface {
	Price(pricing.Call) pricing.Price
}

type tracesProcessor struct {
	component.StartFunc
	config  *Config
	table   *table
	index   *index
	prices  pricer
	metrics *metrics
	now     func() time.Time
	batches sync.Pool
	next    consumer.Traces
	stop    func(context.Context) error
}

func newTracesProcessor(config *Config, t *table, prices pricer, m *metrics, next consumer.Traces) *tracesProcessor {
	p := &tracesProcessor{
		config: config, table: t, prices: prices, metrics: m, next: next, now: time.Now,
		index: newIndex(config.Index.MaxSpans, config.Index.TTL),
	}
	p.batches.New = func() any { return &batch{scan: newScan(t, config.KeepOriginals)} }
	return p
}

func (p *tracesProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *tracesProcessor) Shutdown(ctx context.Context) error {
	p.metrics.Shutdown()
	if p.stop == nil {
		return nil
	}
	return p.stop(ctx)
}

func (p *tracesProcessor) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	b := p.batches.Get().(*batch)
	b.read(traces)
	tally := p.lookUp(b)
	p.writeBack(b, &tally)
	tally.refused, b.scan.refused = b.scan.refused, refused{}
	tally.cancelled, b.scan.cancelled = b.scan.cancelled, 0
	b.reset()
	p.batches.Put(b)
	p.metrics.add(ctx, &tally)
	return p.next.ConsumeTraces(ctx, traces)
}

// tally is what a request adds to the processor's own metrics.
type tally struct {
	evicted                       evictions
	size                          int64
	duplicates                    int64
	ownAgent, foundAgent, noAgent int64
	refused                       refused
	cancelled                     int64
}

// lookUp asks the index about the whole request, under one lock.
func (p *tracesProcessor) lookUp(b *batch) (t tally) {
	now := p.now().UnixNano()
	x := p.index
	x.Lock()
	defer x.Unlock()
	for i := range b.spans {
		info := &b.spans[i]
		x.register(info.key, info.parent, info.role, info.agent, now)
		x.noteStep(spanKey{info.key.trace, info.parent}, info.graph.step, now)
	}
	for i := range b.spans {
		if info := &b.spans[i]; info.graph.candidate && x.becomesGraph(info.key, info.graph, info.span.Name()) {
			info.role, info.agent = roleOf(classAgent), info.span.Name()
			writeGraph(info.span, p.config.KeepOriginals)
		}
	}
	for i := range b.spans {
		if info := &b.spans[i]; info.needsAgent {
			info.inherited = x.agentOf(info.key)
		}
	}
	for _, info := range b.ended() {
		switch {
		case info.call >= 0:
			info.counted = x.countedAs(info.key, &b.calls[info.call].call, p.config.Duplicates.ByTime, now)
			info.arrived = x.arrival(info.key, now)
		case info.role == roleOf(classAgent):
			info.counted = x.countedRunAs(info.key, now)
			info.arrived = x.arrival(info.key, now)
		}
	}
	t.evicted, x.evicted = x.evicted, evictions{}
	t.size = int64(x.count)
	return t
}

// writeBack writes what the index and the prices told.
func (p *tracesProcessor) writeBack(b *batch, t *tally) {
	for i := range b.spans {
		info := &b.spans[i]
		switch {
		case info.inherited != "":
			info.span.Attributes().PutStr(agentName, info.inherited)
			t.foundAgent++
		case info.needsAgent:
			t.noAgent++
		case info.agent != "":
			t.ownAgent++
		}
		// Replaces what the application wrote there: by it the audit sink's rows are compared with the counts.
		switch {
		case info.call >= 0:
			info.span.Attributes().PutInt(callReceivedAt, info.arrived)
		case info.arrived != 0:
			info.span.Attributes().PutInt(runReceivedAt, info.arrived)
		}
		switch {
		case !info.counted.IsEmpty() && info.counted != info.key.span:
			writeDuplicate(info.span.Attributes(), info.counted)
			t.duplicates++
		case info.call >= 0:
			info.span.Attributes().Remove(duplicateOf) // a counted span is not a duplicate, even if the sender marked it as one
			p.writeCost(info.span.Attributes(), &b.calls[info.call])
		}
	}
}

func writeDuplicate(attributes pcommon.Map, counted pcommon.SpanID) {
	for _, name := range []string{costUSD, costStatus, costPriceVersion} {
		attributes.Remove(name)
	}
	attributes.PutStr(duplicateOf, hex.EncodeToString(counted[:]))
}

// writeCost prices a call: by the model that answered, else by the one that was asked for, else as the application
// reckoned it.
func (p *tracesProcessor) writeCost(attributes pcommon.Map, c *callInfo) {
	if c.price.Model == "" {
		c.price.Model = c.asked
	}
	found := p.prices.Price(c.price)
	if found.Status == pricing.Unpriced && c.asked != "" && c.asked != c.price.Model {
		c.price.Model = c.asked
		found = p.prices.Price(c.price)
	}
	if found.Status != pricing.Priced && c.reported > 0 {
		found = pricing.Price{USD: c.reported, Status: pricing.Priced, Version: reportedPrices}
	}
	if found.Status == pricing.Priced {
		attributes.PutDouble(costUSD, found.USD)
	} else if c.hadCost {
		attributes.Remove(costUSD)
	}
	attributes.PutStr(costStatus, found.Status)
	if found.Version != "" {
		attributes.PutStr(costPriceVersion, found.Version)
	}
}
