package pieces

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// metrics has two points of each kind, of two resources.
func metrics() pmetric.Metrics {
	data := pmetric.NewMetrics()
	for n := range 2 {
		resource := data.ResourceMetrics().AppendEmpty()
		resource.Resource().Attributes().PutInt("resource", int64(n))
		all := resource.ScopeMetrics().AppendEmpty().Metrics()
		metric := func(name string) pmetric.Metric {
			made := all.AppendEmpty()
			made.SetName(name)
			return made
		}
		metric("gauge").SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
		metric("sum").SetEmptySum().DataPoints().AppendEmpty().SetIntValue(2)
		metric("histogram").SetEmptyHistogram().DataPoints().AppendEmpty().SetCount(3)
		metric("exponential").SetEmptyExponentialHistogram().DataPoints().AppendEmpty().SetCount(4)
		metric("summary").SetEmptySummary().DataPoints().AppendEmpty().SetCount(5)
	}
	return data
}

func namesOf(data pmetric.Metrics) (names []string) {
	for _, resource := range data.ResourceMetrics().All() {
		of, _ := resource.Resource().Attributes().Get("resource")
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				names = append(names, fmt.Sprint(of.AsString(), " ", metric.Name()))
			}
		}
	}
	return names
}

func TestHalvesHaveEachPointOnceAndNothingEmpty(t *testing.T) {
	whole := metrics()
	waiting, alone := []pmetric.Metrics{whole}, []string{}
	for len(waiting) > 0 {
		first, last := Halves(waiting[0])
		waiting = waiting[1:]
		for _, half := range []pmetric.Metrics{first, last} {
			require.Positive(t, half.DataPointCount())
			if half.DataPointCount() > 1 {
				waiting = append(waiting, half)
				continue
			}
			names := namesOf(half)
			require.Len(t, names, 1, "only what the point needs")
			alone = append(alone, names...)
		}
	}
	require.ElementsMatch(t, namesOf(metrics()), alone)
	require.Equal(t, metrics(), whole, "they are copies")
}

func TestPiecesMeasureAtMostSoMuch(t *testing.T) {
	for most, want := range map[int][]int{1: {1, 1, 1, 1, 1}, 2: {2, 2, 1}, 3: {3, 2}, 5: {5}, 9: {5}} {
		spans, records := ptrace.NewTraces(), plog.NewLogs()
		for range 5 {
			spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("s")
			records.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName("r")
		}
		var got []int
		require.NoError(t, Traces(spans, most, func(ptrace.Span) int { return 1 }, func(piece ptrace.Traces) error {
			got = append(got, piece.SpanCount())
			return nil
		}))
		require.Equal(t, want, got)
		got = nil
		require.NoError(t, Logs(records, most, func(plog.LogRecord) int { return 1 }, func(piece plog.Logs) error {
			got = append(got, piece.LogRecordCount())
			return nil
		}))
		require.Equal(t, want, got)
	}
	refused := errors.New("refused")
	require.ErrorIs(t, Logs(plog.NewLogs(), 1, func(plog.LogRecord) int { return 1 }, func(plog.Logs) error { return refused }), refused)
}
