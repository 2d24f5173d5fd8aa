package intake

import (
	"context"
	"encoding/base64"
	"math/rand"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// BenchmarkRecorded runs recorded OpenInference spans (content and all, 2.5 kB on average) through the processor, as
// they are: none has to be repaired.
func BenchmarkRecorded(b *testing.B) {
	text, err := os.ReadFile("../../tests/golden/openinference-graph-content/in.json")
	require.NoError(b, err)
	recorded, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(text)
	require.NoError(b, err)
	g, err := newGate(createDefaultConfig(), componenttest.NewNopTelemetrySettings(), "traces")
	require.NoError(b, err)
	g.now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	spans := recorded.SpanCount()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = g.traces(context.Background(), recorded)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
	b.ReportMetric(float64((&ptrace.ProtoMarshaler{}).TracesSize(recorded)/spans), "B/span")
}

// BenchmarkCut cuts a span whose prompt holds an image of 3.5 MB.
func BenchmarkCut(b *testing.B) {
	photo := make([]byte, 2_600_000)
	rand.New(rand.NewSource(1)).Read(photo)
	code := `[{"role":"user","content":"` + base64.StdEncoding.EncodeToString(photo) + `"}]`
	g, err := newGate(createDefaultConfig(), componenttest.NewNopTelemetrySettings(), "traces")
	require.NoError(b, err)
	for b.Loop() {
		_, _ = g.traces(context.Background(), span(func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.input.messages", code) }))
	}
}
