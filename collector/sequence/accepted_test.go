package sequence

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"

	"otelgate/collector/resent"
)

// remembering is a fork of two branches that remembers what both accepted.
func remembering(t *testing.T, branches [2]*branch) connector.Traces {
	t.Helper()
	cfg := lastOf(stores)
	cfg.PieceBytes, cfg.Resent = pieceBytes, resent.Config{For: time.Hour, Max: 100}
	require.NoError(t, cfg.Validate())
	settings := connector.Settings{ID: component.NewID(NewFactory().Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	made, err := NewFactory().CreateTracesToTraces(context.Background(), settings, cfg,
		connector.NewTracesRouter(map[pipeline.ID]consumer.Traces{audit: branches[0], stores: branches[1]}))
	require.NoError(t, err)
	return made
}

func named(name string) ptrace.Traces {
	data := request()
	data.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName(name)
	return data
}

func TestForwardsAcceptedRequestOnce(t *testing.T) {
	var order []string
	made := remembering(t, [2]*branch{{name: "audit", order: &order}, {name: "stores", order: &order, mutates: true}})
	for _, name := range []string{"a", "a", "b", "a"} {
		require.NoError(t, made.ConsumeTraces(context.Background(), named(name)))
	}
	require.Equal(t, []string{"audit", "stores", "audit", "stores"}, order, "a and b once each")
}

func TestForwardsRefusedRequestToAllAgain(t *testing.T) {
	var order []string
	last := &branch{name: "stores", order: &order, refuses: true}
	made := remembering(t, [2]*branch{{name: "audit", order: &order}, last})
	require.Error(t, made.ConsumeTraces(context.Background(), named("a")))
	last.refuses = false
	require.NoError(t, made.ConsumeTraces(context.Background(), named("a")))
	require.Equal(t, []string{"audit", "stores", "audit", "stores"}, order)
}

func TestResendsOnlyUnacceptedPiecesOfLargeRequest(t *testing.T) {
	var order []string
	last := &branch{name: "stores", order: &order}
	made := remembering(t, [2]*branch{{name: "audit", order: &order}, last})
	accepted := 0
	last.answers = func() bool { accepted++; return accepted != 4 }
	require.Error(t, made.ConsumeTraces(context.Background(), largeTraces()))
	require.NoError(t, made.ConsumeTraces(context.Background(), largeTraces()))
	require.Equal(t, 1+8, accepted, "eight pieces, and the refused one twice")
}

func TestForwardsAcceptedLogsOnce(t *testing.T) {
	var order []string
	cfg := lastOf(lines)
	cfg.Resent = resent.Config{For: time.Hour, Max: 100}
	settings := connector.Settings{ID: component.NewID(NewFactory().Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	made, err := NewFactory().CreateLogsToLogs(context.Background(), settings, cfg,
		connector.NewLogsRouter(map[pipeline.ID]consumer.Logs{lines: &branch{name: "stores", order: &order}}))
	require.NoError(t, err)
	for _, body := range []string{"a", "a", "b"} {
		data := plog.NewLogs()
		data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
		require.NoError(t, made.ConsumeLogs(context.Background(), data))
	}
	require.Equal(t, []string{"stores", "stores"}, order)
}

// BenchmarkRemembered is what remembering costs a request of 100 spans of 2.4 kB.
func BenchmarkRemembered(b *testing.B) {
	const spans = 100
	data := request()
	all := data.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for range spans - 1 {
		all.AppendEmpty()
	}
	for _, span := range all.All() {
		for n := range 20 {
			span.Attributes().PutStr(fmt.Sprintf("gen_ai.attribute.%d", n), strings.Repeat("w", 90))
		}
	}
	var sizer ptrace.ProtoMarshaler
	remembered, err := newAccepted(resent.Config{For: time.Hour, Max: 100_000}, componenttest.NewNopTelemetrySettings())
	require.NoError(b, err)
	b.SetBytes(int64(sizer.TracesSize(data)))
	for b.Loop() {
		marshal := func() ([]byte, error) { return sizer.MarshalTraces(data) }
		require.NoError(b, remembered.once(context.Background(), marshal, func() error { return nil }))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
}
