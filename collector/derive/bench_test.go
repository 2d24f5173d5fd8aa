package derive

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// request is one of `spans` model calls, about 2.5 kB each as the gateway has normalised them.
func request(spans int) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	resource.Resource().Attributes().PutStr("deployment.environment.name", "prod")
	scope := resource.ScopeSpans().AppendEmpty()
	for i := range spans {
		span := scope.Spans().AppendEmpty()
		fill(span, uint64(i+1), chat(map[string]any{
			"gen_ai.response.model":          "gpt-4.1-mini-2025-04-14",
			"gen_ai.request.model":           fmt.Sprintf("model-%d", i%5),
			"gen_ai.conversation.id":         "0b4a1a2e-6f1c-4b86-9a50-7f9f3d7a2f10",
			"gen_ai.input.messages":          strings.Repeat("what a user said ", 50),
			"gen_ai.output.messages":         strings.Repeat("what a model said ", 25),
			"gen_ai.response.finish_reasons": []any{"stop"},
			"gen_ai.request.temperature":     0.2,
			"otelgate.cost.price_version":    "2026-02-01",
			"otelgate.tier":                  "pro",
			"otelgate.feature":               "search",
			"server.address":                 "api.openai.com",
			"server.port":                    443,
			"langgraph.node":                 "router",
		}))
	}
	return traces
}

// renumber gives all spans new ids, so that they are not taken for resent ones.
func renumber(traces ptrace.Traces, from uint64) {
	for i, span := range traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], from+uint64(i))
		span.SetSpanID(id)
	}
}

// BenchmarkSpan is the cost of one model call, in requests of 100: 7 numbers of 6 metrics.
func BenchmarkSpan(b *testing.B) { benchmarkSpan(b, nil) }

// BenchmarkSpanKept is the same with the journal.
func BenchmarkSpanKept(b *testing.B) {
	benchmarkSpan(b, func(c *Config) { c.Journal.Directory = b.TempDir() })
}

func benchmarkSpan(b *testing.B, change func(*Config)) {
	r := newRig(b, ofSpan, change)
	if r.journal != nil {
		r.restore()
	}
	traces := request(100)
	ctx := context.Background()
	b.ReportAllocs()
	n := uint64(1)
	for b.Loop() {
		renumber(traces, n*100)
		n++
		if err := r.ConsumeTraces(ctx, traces); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
	if r.journal != nil {
		_ = r.journal.close()
	}
}

// BenchmarkOneSpanKept has a request for each span, so one write to disk.
func BenchmarkOneSpanKept(b *testing.B) {
	r := newRig(b, ofSpan, func(c *Config) { c.Journal.Directory = b.TempDir() })
	r.restore()
	traces := request(1)
	b.ReportAllocs()
	n := uint64(1)
	for b.Loop() {
		renumber(traces, n)
		n++
		if err := r.ConsumeTraces(context.Background(), traces); err != nil {
			b.Fatal(err)
		}
	}
	_ = r.journal.close()
}

func BenchmarkSpanParallel(b *testing.B) {
	r := newRig(b, ofSpan, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		traces := request(100)
		n := uint64(1)
		for pb.Next() {
			renumber(traces, n*100)
			n++
			_ = r.ConsumeTraces(context.Background(), traces)
		}
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
}

// BenchmarkOtherSpan is what a span costs that no metric is made of.
func BenchmarkOtherSpan(b *testing.B) {
	r := newRig(b, ofSpan, nil)
	traces := request(100)
	for _, span := range traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.Attributes().Remove("gen_ai.operation.name")
		span.Attributes().Remove("otelgate.cost.usd")
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = r.ConsumeTraces(context.Background(), traces)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
}

func BenchmarkEvent(b *testing.B) {
	r := newRig(b, ofEvent, nil)
	logs, record := event(1, "payment", map[string]any{"otelgate.event.name": "payment", "otelgate.event.value": 250.5,
		"otelgate.event.unit": "INR", "status": "completed", "user.id": "u-1"})
	b.ReportAllocs()
	n := epoch.UnixNano()
	for b.Loop() {
		n++
		record.SetTimestamp(pcommon.Timestamp(n))
		_ = r.ConsumeLogs(context.Background(), logs)
	}
}

// BenchmarkFlood sends a new value of a label with every span: past the cap all goes to the overflow series.
func BenchmarkFlood(b *testing.B) {
	r := newRig(b, ofSpan, nil)
	traces, span := trace(1, chat(nil))
	b.ReportAllocs()
	n := uint64(1)
	for b.Loop() {
		n++
		_, id := ids(n)
		span.SetSpanID(id)
		span.Attributes().PutStr("gen_ai.agent.name", fmt.Sprint("agent-", n))
		_ = r.ConsumeTraces(context.Background(), traces)
	}
}

// BenchmarkRefresh writes every series of every metric of model calls, 1,000 each.
func BenchmarkRefresh(b *testing.B) {
	r := newRig(b, ofSpan, nil)
	for i := range uint64(1000) {
		traces, _ := trace(i+1, chat(map[string]any{"gen_ai.agent.name": fmt.Sprint("agent-", i)}))
		r.spans(traces)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.flush(context.Background(), true)
		r.sink.Reset()
	}
}

// TestFlood is the issue's: 100,000 values of one dimension.
func TestFlood(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	// Existing series, and other metrics, are not affected.
	calm, _ := trace(1, chat(nil))
	r.spans(calm)
	other, _ := trace(2, map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
	r.spans(other)
	before := heap()
	for i := range uint64(100_000) {
		traces, _ := trace(i+10, chat(map[string]any{"gen_ai.agent.name": fmt.Sprint("agent-", i)}))
		r.spans(traces)
	}
	grown := heap() - before
	again, _ := trace(3, chat(nil))
	r.spans(again)
	r.spans(other)
	later, _ := trace(4, map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
	r.spans(later)

	r.flushed(false)
	lines := r.flushed(true)
	costs := only(lines, "otelgate.llm.cost")
	if len(costs) != 1801 {
		t.Errorf("%d series of cost, expected one service's share of 2000, nine tenths, and the overflow", len(costs))
	}
	var total float64
	for _, point := range r.points("otelgate.llm.cost") {
		total += point.DoubleValue()
		_, over := point.Attributes().Get(overflowLabel)
		if agent, ok := point.Attributes().Get("gen_ai.agent.name"); ok && agent.Str() == "router" {
			if got := point.DoubleValue(); got != 2*0.000608 {
				t.Errorf("the calm series has %v", got)
			}
		} else if over && point.Attributes().Len() != 1 {
			t.Errorf("overflow series: %s", labels(point.Attributes()))
		}
	}
	if want := 100_002 * 0.000608; total < want-1e-6 || total > want+1e-6 {
		t.Errorf("total %v, expected %v", total, want)
	}
	same(t, only(lines, "gen_ai.execute_tool.duration"),
		"gen_ai.execute_tool.duration{gen_ai.tool.name=search,service.name=shop} +2ms count 2 sum 3")
	// 6 metrics of 2,000 series (tokens too) and the memory of 100,000 spans.
	if grown > 40<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	t.Logf("100,000 agents: %.1f MiB", float64(grown)/(1<<20))
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
