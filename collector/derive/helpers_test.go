package derive

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// rig is a connector with a clock that only a test moves and a store that keeps what it writes.
type rig struct {
	*connector
	t    testing.TB
	sink *consumertest.MetricsSink
	now  time.Time
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newRig(t testing.TB, signal string, change func(*Config)) *rig {
	return newRigWith(t, signal, change, componenttest.NewNopTelemetrySettings())
}

func newRigWith(t testing.TB, signal string, change func(*Config), settings component.TelemetrySettings) *rig {
	cfg := defaultConfig().(*Config)
	cfg.InstanceID = "gateway-1"
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sink: &consumertest.MetricsSink{}, now: epoch}
	made, err := newConnector(cfg, signal, r.sink, settings, func() time.Time { return r.now })
	if err != nil {
		t.Fatal(err)
	}
	r.connector = made
	return r
}

// file puts a metrics file into a folder of the test's.
func file(t testing.TB, content string) string {
	path := filepath.Join(t.TempDir(), "extra.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r *rig) spans(traces ptrace.Traces) {
	r.t.Helper()
	if err := r.ConsumeTraces(context.Background(), traces); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) events(logs plog.Logs) {
	r.t.Helper()
	if err := r.ConsumeLogs(context.Background(), logs); err != nil {
		r.t.Fatal(err)
	}
}

// flushed is what one flush writes, as text: a line for each point, sorted.
func (r *rig) flushed(all bool) []string {
	r.sink.Reset()
	r.flush(context.Background(), all)
	var lines []string
	for _, metrics := range r.sink.AllMetrics() {
		lines = append(lines, describe(metrics)...)
	}
	slices.Sort(lines)
	return lines
}

func describe(metrics pmetric.Metrics) []string {
	var lines []string
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				switch metric.Type() {
				case pmetric.MetricTypeSum:
					for _, point := range metric.Sum().DataPoints().All() {
						lines = append(lines, fmt.Sprintf("%s{%s} +%dms %v", metric.Name(), labels(point.Attributes()),
							offset(point.Timestamp()), point.DoubleValue()))
					}
				case pmetric.MetricTypeHistogram:
					for _, point := range metric.Histogram().DataPoints().All() {
						lines = append(lines, fmt.Sprintf("%s{%s} +%dms count %d sum %.9g", metric.Name(),
							labels(point.Attributes()), offset(point.Timestamp()), point.Count(), point.Sum()))
					}
				}
			}
		}
	}
	return lines
}

func offset(at pcommon.Timestamp) int64 {
	return at.AsTime().Sub(epoch).Milliseconds()
}

func labels(attributes pcommon.Map) string {
	var parts []string
	for name, value := range attributes.All() {
		parts = append(parts, name+"="+value.AsString())
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// only keeps the lines of one metric.
func only(lines []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, name+"{") })
}

// find is the metric of a name in what the last flush wrote.
func (r *rig) find(name string) pmetric.Metric {
	r.t.Helper()
	for _, metrics := range r.sink.AllMetrics() {
		for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			if metric.Name() == name {
				return metric
			}
		}
	}
	r.t.Fatalf("%s was not written", name)
	return pmetric.Metric{}
}

func same(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// trace makes a request with one span, of a service "shop", that took a second and a half.
func trace(id uint64, attributes map[string]any) (ptrace.Traces, ptrace.Span) {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	fill(span, id, attributes)
	return traces, span
}

func fill(span ptrace.Span, id uint64, attributes map[string]any) {
	traceID, spanID := ids(id)
	span.SetTraceID(traceID)
	span.SetSpanID(spanID)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(epoch.Add(-1500 * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(epoch))
	if err := span.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
}

func ids(id uint64) (pcommon.TraceID, pcommon.SpanID) {
	var traceID pcommon.TraceID
	var spanID pcommon.SpanID
	binary.BigEndian.PutUint64(traceID[8:], id)
	binary.BigEndian.PutUint64(spanID[:], id)
	return traceID, spanID
}

// chat is a model call that has everything.
func chat(changes map[string]any) map[string]any {
	attributes := map[string]any{
		"gen_ai.operation.name":               "chat",
		"gen_ai.provider.name":                "openai",
		"gen_ai.request.model":                "gpt-4.1-mini",
		"gen_ai.agent.name":                   "router",
		"gen_ai.usage.input_tokens":           int64(1200),
		"gen_ai.usage.output_tokens":          int64(80),
		"gen_ai.response.time_to_first_chunk": 0.3,
		"otelgate.llm.output_rate":            66.5,
		"otelgate.cost.usd":                   0.000608,
		"otelgate.cost.status":                "priced",
		"user.id":                             "u-17",
		"session.id":                          "s-4",
	}
	for name, value := range changes {
		if value == nil {
			delete(attributes, name)
		} else {
			attributes[name] = value
		}
	}
	return attributes
}

// event makes a request with one log event.
func event(id uint64, name string, attributes map[string]any) (plog.Logs, plog.LogRecord) {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName(name)
	record.SetTimestamp(pcommon.Timestamp(uint64(epoch.UnixNano()) + id))
	traceID, spanID := ids(id)
	record.SetTraceID(traceID)
	record.SetSpanID(spanID)
	if err := record.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return logs, record
}

// points are a counter's, over all requests of the last flush.
func (r *rig) points(name string) []pmetric.NumberDataPoint {
	var points []pmetric.NumberDataPoint
	for _, metrics := range r.sink.AllMetrics() {
		for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			if metric.Name() == name {
				for _, point := range metric.Sum().DataPoints().All() {
					points = append(points, point)
				}
			}
		}
	}
	return points
}
