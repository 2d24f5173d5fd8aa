package genai

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// BenchmarkRecorded runs recorded OpenInference spans (content and all, 2.5 kB on average) through the processor.
// Copying a request is also timed alone: it represents the receiver's work and is part of the first figure.
func BenchmarkRecorded(b *testing.B) {
	for _, name := range []string{"openinference-graph-content", "openinference-agent-content", "sdk-graph", "otel-graph-content"} {
		text, err := os.ReadFile(goldenFolder + "/" + name + "/in.json")
		require.NoError(b, err)
		recorded, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(text)
		require.NoError(b, err)
		spans := recorded.SpanCount()
		size := (&ptrace.ProtoMarshaler{}).TracesSize(recorded) / spans
		copies := ptrace.NewTraces()
		b.Run(name+"/copy", func(b *testing.B) {
			b.ReportAllocs()
			started := cpu()
			for range b.N {
				copies = ptrace.NewTraces()
				recorded.CopyTo(copies)
			}
			perSpan(b, spans, size, cpu()-started)
		})
		b.Run(name+"/copy+genai", func(b *testing.B) {
			g := newGate(b)
			g.next = consumertest.NewNop()
			b.ReportAllocs()
			b.ResetTimer()
			started := cpu()
			for i := range b.N {
				copies = ptrace.NewTraces()
				recorded.CopyTo(copies)
				renumber(copies, uint32(i))
				_ = g.ConsumeTraces(context.Background(), copies)
			}
			perSpan(b, spans, size, cpu()-started)
		})
	}
}

// renumber gives a copy its own trace, so that the index has new spans to remember.
func renumber(traces ptrace.Traces, to uint32) {
	for _, resource := range traces.ResourceSpans().All() {
		for _, scoped := range resource.ScopeSpans().All() {
			for _, span := range scoped.Spans().All() {
				id := span.TraceID()
				id[8], id[9], id[10], id[11] = byte(to>>24), byte(to>>16), byte(to>>8), byte(to)
				span.SetTraceID(id)
			}
		}
	}
}

// cpu is what the process has used, garbage collection included: unlike the time on the wall it bears neighbours.
func cpu() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func perSpan(b *testing.B, spans, size int, used time.Duration) {
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*spans), "cpu-ns/span")
	b.ReportMetric(float64(size), "B/span")
}
