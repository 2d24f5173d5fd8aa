package genai

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/pricing"
)

// fakePrices knows models that start with gpt-: 1 USD a million input tokens, 0.1 cached, 4 output.
type fakePrices struct{}

func (fakePrices) Price(c pricing.Call) pricing.Price {
	switch {
	case !strings.HasPrefix(c.Model, "gpt-"):
		return pricing.Price{Status: pricing.Unpriced, Version: "test"}
	case c.InputTokens+c.OutputTokens == 0:
		return pricing.Price{Status: pricing.NoTokens, Version: "test"}
	}
	usd := float64(c.InputTokens-c.CacheReadTokens)*1e-6 + float64(c.CacheReadTokens)*1e-7 + float64(c.OutputTokens)*4e-6
	return pricing.Price{USD: usd, Status: pricing.Priced, Version: "test"}
}

// shippedTable is compiled once: tests make hundreds of processors.
var shippedTable = func() *table {
	spans, _, err := loadTables(createDefaultConfig().(*Config))
	if err != nil {
		panic(err)
	}
	return spans
}()

// gate is a processor of the shipped mapping under test.
type gate struct {
	*tracesProcessor
	telemetry *componenttest.Telemetry
	sink      *consumertest.TracesSink
	clock     time.Time
}

func newGate(t testing.TB, change ...func(*Config)) *gate {
	config := createDefaultConfig().(*Config)
	for _, one := range change {
		one(config)
	}
	require.NoError(t, config.Validate())
	spans := shippedTable
	if config.MappingFile != "" {
		var err error
		spans, _, err = loadTables(config)
		require.NoError(t, err)
	}
	g := &gate{telemetry: componenttest.NewTelemetry(), sink: &consumertest.TracesSink{}, clock: time.Unix(1_800_000_000, 0)}
	m, err := newMetrics(g.telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	g.tracesProcessor = newTracesProcessor(config, spans, fakePrices{}, m, g.sink)
	g.now = func() time.Time { return g.clock }
	return g
}

// send sends one request and returns its spans as they left.
func (g *gate) send(t testing.TB, spans ...span) []ptrace.Span {
	require.NoError(t, g.ConsumeTraces(context.Background(), request(spans...)))
	sent := g.sink.AllTraces()
	var out []ptrace.Span
	for _, resource := range sent[len(sent)-1].ResourceSpans().All() {
		for _, scoped := range resource.ScopeSpans().All() {
			for _, one := range scoped.Spans().All() {
				out = append(out, one)
			}
		}
	}
	return out
}

// attributes sends one span and returns what it left with.
func (g *gate) attributes(t testing.TB, one span) map[string]any {
	return g.send(t, one)[0].Attributes().AsRaw()
}

// span is a span in short.
type span struct {
	name       string
	id, parent byte
	trace      byte
	scope      string
	from, to   float64 // seconds; to 0 means 1
	with       map[string]any
	events     map[string]float64
	failed     string
}

func request(spans ...span) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	for _, one := range spans {
		scoped := resource.ScopeSpans().AppendEmpty()
		scoped.Scope().SetName(one.scope)
		made := scoped.Spans().AppendEmpty()
		made.SetName(one.name)
		made.SetTraceID(pcommon.TraceID{one.trace, 1})
		made.SetSpanID(pcommon.SpanID{one.id})
		made.SetParentSpanID(pcommon.SpanID{one.parent})
		if one.to == 0 {
			one.to = 1
		}
		made.SetStartTimestamp(at(one.from))
		made.SetEndTimestamp(at(one.to))
		_ = made.Attributes().FromRaw(one.with)
		for name, seconds := range one.events {
			event := made.Events().AppendEmpty()
			event.SetName(name)
			event.SetTimestamp(at(seconds))
		}
		if one.failed != "" {
			made.Status().SetCode(ptrace.StatusCodeError)
			made.Status().SetMessage(one.failed)
		}
	}
	return traces
}

func at(seconds float64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(time.Unix(1_767_323_045, 0).Add(time.Duration(seconds * 1e9)))
}

func write(t testing.TB, text string) string {
	file := t.TempDir() + "/own.yaml"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
