package intake

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

var arrival = time.Unix(1_800_000_000, 0)

func at(offset time.Duration) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(arrival.Add(offset))
}

// door is a processor under test, with a stopped clock.
type door struct {
	*gate
	telemetry *componenttest.Telemetry
}

func newDoor(t testing.TB, signal string, change ...func(*Config)) door {
	config := createDefaultConfig()
	for _, one := range change {
		one(config)
	}
	require.NoError(t, config.Validate())
	telemetry := componenttest.NewTelemetry()
	g, err := newGate(config, telemetry.NewTelemetrySettings(), signal)
	require.NoError(t, err)
	g.now = func() time.Time { return arrival }
	return door{g, telemetry}
}

// counted are the counter's values by "action/reason".
func (d door) counted(t testing.TB) map[string]int64 {
	found := map[string]int64{}
	got, err := d.telemetry.GetMetric("otelgate.intake.items")
	if err != nil {
		return found
	}
	for _, point := range got.Data.(metricdata.Sum[int64]).DataPoints {
		action, _ := point.Attributes.Value("action")
		reason, _ := point.Attributes.Value("reason")
		found[action.AsString()+"/"+reason.AsString()] += point.Value
	}
	return found
}

// span makes a request of one good span, changed.
func span(change func(ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	addSpan(rs.ScopeSpans().AppendEmpty(), change)
	return td
}

func addSpan(ss ptrace.ScopeSpans, change func(ptrace.Span)) {
	s := ss.Spans().AppendEmpty()
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{byte(ss.Spans().Len())})
	s.SetName("chat gpt-4o")
	s.SetStartTimestamp(at(-2 * time.Second))
	s.SetEndTimestamp(at(0))
	s.Attributes().PutStr("gen_ai.request.model", "gpt-4o")
	s.Attributes().PutInt("gen_ai.usage.input_tokens", 1000)
	change(s)
}

// sent returns the only span of the request, after the processor.
func (d door) span(t testing.TB, change func(ptrace.Span)) ptrace.Span {
	td, err := d.traces(context.Background(), span(change))
	require.NoError(t, err)
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

func (d door) record(t testing.TB, change func(plog.LogRecord)) plog.LogRecord {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(at(0))
	r.SetObservedTimestamp(at(0))
	r.Body().SetStr("a line")
	change(r)
	ld, err := d.logs(context.Background(), ld)
	require.NoError(t, err)
	return ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

// metric sends one metric and returns those that are left.
func (d door) metric(t testing.TB, change func(pmetric.Metric)) pmetric.MetricSlice {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("orders")
	change(m)
	md, err := d.metrics(context.Background(), md)
	if errors.Is(err, processorhelper.ErrSkipProcessingData) {
		return pmetric.NewMetricSlice()
	}
	require.NoError(t, err)
	return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
}

func text(t testing.TB, m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	require.True(t, ok, key)
	return v.AsString()
}

func words(n int) string { return strings.Repeat("seven more words of what was said ", n/34+1)[:n] }

func sizeOf(s ptrace.Span) int {
	td := ptrace.NewTraces()
	s.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	return (&ptrace.ProtoMarshaler{}).SpanSize(s)
}
