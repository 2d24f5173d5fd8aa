package intake

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

// bound is one end of a limit: how to make an item, over it by `over`, which is -1, 0 or 1, and what is counted above.
// One of the makers is there.
type bound struct {
	name    string
	above   string
	request func(td ptrace.Traces, over int)
	span    func(s ptrace.Span, over int)
	record  func(r plog.LogRecord, over int)
	metric  func(m pmetric.Metric, over int)
	change  func(*Config)
}

func (b bound) send(t *testing.T, over int) door {
	change := b.change
	if change == nil {
		change = func(*Config) {}
	}
	switch {
	case b.record != nil:
		d := newDoor(t, "logs", change)
		d.record(t, func(r plog.LogRecord) { b.record(r, over) })
		return d
	case b.metric != nil:
		d := newDoor(t, "metrics", change)
		d.metric(t, func(m pmetric.Metric) { b.metric(m, over) })
		return d
	}
	d := newDoor(t, "traces", change)
	td := span(func(s ptrace.Span) {
		if b.span != nil {
			b.span(s, over)
		}
	})
	if b.request != nil {
		b.request(td, over)
	}
	if _, err := d.traces(context.Background(), td); !errors.Is(err, processorhelper.ErrSkipProcessingData) {
		require.NoError(t, err)
	}
	return d
}

// long is a text of so many bytes.
func long(n int) string { return strings.Repeat("n", n) }

// fields puts so many attributes.
func fields(m pcommon.Map, n int) {
	for i := range n {
		m.PutInt(fmt.Sprintf("n%d", i), 1)
	}
}

// sized gives attributes one text, with which they have so many bytes as they are measured.
func sized(m pcommon.Map, size int) {
	m.PutStr("note", "")
	s := scan{}
	s.attributes(m, 0)
	m.PutStr("note", words(size-s.size))
}

func resourceOf(td ptrace.Traces) pcommon.Map {
	return td.ResourceSpans().At(0).Resource().Attributes()
}

func scopeOf(td ptrace.Traces) pcommon.Map {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes()
}

func line(limit int) func(plog.LogRecord, int) {
	return func(r plog.LogRecord, over int) {
		r.Body().SetStr("")
		r.Body().SetStr(words(limit - scanRecord(r, limit).size + over))
	}
}

func lasts(start, end pcommon.Timestamp) func(ptrace.Span) {
	return func(s ptrace.Span) {
		s.SetStartTimestamp(start)
		s.SetEndTimestamp(end)
	}
}

// chosen is one of two, by whether the bound is passed.
func chosen[T any](over int, taken, beyond T) T {
	if over > 0 {
		return beyond
	}
	return taken
}

// bounds are those of each row of Limits that the processor keeps to, by what the row is of.
var bounds = map[string][]bound{
	"a span": {{name: "bytes", above: "cut/size", span: func(s ptrace.Span, over int) {
		s.Attributes().PutStr("gen_ai.input.messages", "")
		s.Attributes().PutStr("gen_ai.input.messages", words(1_000_000-scanSpan(s).size+over))
	}}},
	"a log record": {
		{name: "bytes", above: "cut/size", record: line(MaxLineBytes)},
		{
			name: "bytes, set larger", above: "cut/size", record: line(MaxLineBytes),
			change: func(c *Config) { c.MaxItemBytes = maxItem },
		},
		{
			name: "bytes, set smaller", above: "cut/size", record: line(200_000),
			change: func(c *Config) { c.MaxItemBytes = 200_000 },
		},
	},
	"fields of a log record, including those in maps": {
		{name: "fields", above: "cut/attributes", record: func(r plog.LogRecord, over int) {
			fields(r.Attributes(), maxLogLeaves-10)
			fields(r.Attributes().PutEmptyMap("in"), 10+over)
		}},
	},
	"attributes of a resource": {
		{name: "fields", above: "cut/attributes", request: func(td ptrace.Traces, over int) {
			fields(resourceOf(td), maxResourceLeaves-1+over) // it has a service.name
		}},
		{name: "bytes", above: "cut/size", request: func(td ptrace.Traces, over int) {
			sized(resourceOf(td), maxResourceBytes+over)
		}},
	},
	"attributes of a scope": {
		{name: "fields", above: "cut/attributes", request: func(td ptrace.Traces, over int) {
			fields(scopeOf(td), maxScopeLeaves+over)
		}},
		{name: "bytes", above: "cut/size", request: func(td ptrace.Traces, over int) {
			sized(scopeOf(td), maxScopeBytes+over)
		}},
	},
	"labels of a metric point": {{name: "bytes", above: "refused/size", metric: func(m pmetric.Metric, over int) {
		labels := gauge(m, at(0)).Attributes()
		for i := range maxPointBytes / 500 {
			labels.PutStr(fmt.Sprintf("l%d", i), words(475))
		}
		sized(labels, maxPointBytes+over)
	}}},
	"a name, an id, a metric's label": {
		{name: "a span's name", above: "cut/name", span: func(s ptrace.Span, over int) { s.SetName(long(maxName + over)) }},
		{name: "an id", above: "cut/name", span: func(s ptrace.Span, over int) {
			s.Attributes().PutStr("session.id", long(maxName+over))
		}},
		{name: "an event's name", above: "cut/name", record: func(r plog.LogRecord, over int) {
			r.SetEventName(long(maxName + over))
		}},
		{name: "a metric's name", above: "cut/name", metric: func(m pmetric.Metric, over int) {
			m.SetName(long(maxName + over))
			gauge(m, at(0))
		}},
		{name: "a label", above: "cut/name", metric: func(m pmetric.Metric, over int) {
			gauge(m, at(0)).Attributes().PutStr("place", long(maxName+over))
		}},
	},
	"an attribute's name": {
		{name: "bytes", above: "corrected/key", span: func(s ptrace.Span, over int) {
			s.Attributes().PutStr(long(maxKey+over), "v")
		}},
		{name: "one byte", above: "corrected/key", span: func(s ptrace.Span, over int) {
			s.Attributes().PutStr(long(1-over), "v")
		}},
		{name: "a letter in a log record", above: "corrected/key", record: func(r plog.LogRecord, over int) {
			r.Attributes().PutStr(chosen(over, "_a", "__"), "v")
		}},
		{name: "a digit in a label", above: "corrected/key", metric: func(m pmetric.Metric, over int) {
			gauge(m, at(0)).Attributes().PutStr(chosen(over, "_1", "__"), "v")
		}},
	},
	"text": {
		{name: "the smallest byte", above: "corrected/text", span: func(s ptrace.Span, over int) {
			s.Attributes().PutStr("k", string(rune(1-over)))
		}},
		{name: "the last character", above: "corrected/text", record: func(r plog.LogRecord, over int) {
			r.Body().SetStr(chosen(over, "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80"))
		}},
	},
	"a number in an attribute": {{name: "the largest", above: "corrected/number", span: func(s ptrace.Span, over int) {
		s.Attributes().PutDouble("k", chosen(over, math.MaxFloat64, math.Inf(1)))
	}}},
	"nesting": {{name: "levels", above: "cut/depth", span: func(s ptrace.Span, over int) {
		in := s.Attributes() // the first level
		for range maxDepth - 1 + over {
			in = in.PutEmptyMap("in")
		}
		in.PutStr("k", "v")
	}}},
	"a trace id, a span id of a span": {
		{name: "trace id", above: "refused/trace_id", span: func(s ptrace.Span, over int) {
			s.SetTraceID([16]byte{15: byte(1 - over)})
		}},
		{name: "span id", above: "refused/span_id", span: func(s ptrace.Span, over int) {
			s.SetSpanID([8]byte{7: byte(1 - over)})
		}},
	},
	"a metric's name": {
		{name: "a run of letters and digits", above: "refused/metric_secret", metric: func(m pmetric.Metric, over int) {
			m.SetName("calls.a1b2c3d4e5f6" + strings.Repeat("g", 7+over))
			gauge(m, at(0))
		}},
		{name: "the digits of one", above: "refused/metric_secret", metric: func(m pmetric.Metric, over int) {
			m.SetName("calls." + strings.Repeat("1a", 5+over) + strings.Repeat("g", 20))
			gauge(m, at(0))
		}},
	},
	"a metric": {
		{name: "name", above: "refused/metric_name", metric: func(m pmetric.Metric, over int) {
			m.SetName(chosen(over, "_a", "__"))
			gauge(m, at(0))
		}},
		{name: "temporality", above: "refused/metric_type", metric: func(m pmetric.Metric, over int) {
			sum(m, pmetric.AggregationTemporality(1-over), at(0)) // cumulative, delta, none
		}},
	},
	"a value of a counter or histogram": {
		{name: "a counter", above: "refused/value", metric: func(m pmetric.Metric, over int) {
			sum(m, cumulative, at(0)).SetDoubleValue(chosen(over, math.MaxFloat64, math.Inf(1)))
		}},
		{name: "a histogram", above: "refused/value", metric: func(m pmetric.Metric, over int) {
			histogram(m, []uint64{uint64(maxCount + over)})
		}},
		{name: "a native histogram", above: "refused/value", metric: func(m pmetric.Metric, over int) {
			p := native(m)
			p.Positive().BucketCounts().FromRaw([]uint64{uint64(maxCount + over)})
			p.SetCount(uint64(maxCount + over))
		}},
		{name: "a sum that adds up", above: "refused/value", metric: func(m pmetric.Metric, over int) {
			histogram(m, []uint64{1, 2}, 1).SetCount(chosen[uint64](over, 3, 4))
		}},
	},
	"a span's times": {
		{name: "2000", above: "corrected/time", span: func(s ptrace.Span, over int) {
			early := pcommon.Timestamp(int64(earliest) - int64(over))
			lasts(early, early)(s)
		}},
		{name: "ahead", above: "corrected/time", span: func(s ptrace.Span, over int) {
			lasts(at(0), at(9*time.Minute+time.Duration(over)))(s)
		}},
	},
	"a span's duration": {
		{name: "0", above: "corrected/duration", span: func(s ptrace.Span, over int) {
			lasts(at(0), at(-time.Duration(over)))(s)
		}},
		{name: "31 days", above: "corrected/duration", span: func(s ptrace.Span, over int) {
			lasts(at(-31*24*time.Hour-time.Duration(over)), at(0))(s)
		}},
	},
	"a log record's time": {
		{name: "old", above: "corrected/time", record: func(r plog.LogRecord, over int) {
			r.SetTimestamp(at(-743*time.Hour - time.Duration(over)))
		}},
		{name: "ahead", above: "corrected/time", record: func(r plog.LogRecord, over int) {
			r.SetTimestamp(at(9*time.Minute + time.Duration(over)))
		}},
	},
	"a metric point's time": {
		{name: "old level", above: "refused/old", metric: func(m pmetric.Metric, over int) {
			gauge(m, at(-230*time.Minute-time.Duration(over)))
		}},
		{name: "old total", above: "refused/old", metric: func(m pmetric.Metric, over int) {
			sum(m, cumulative, at(-230*time.Minute-time.Duration(over)))
		}},
		{name: "old increment", above: "corrected/time", metric: func(m pmetric.Metric, over int) {
			sum(m, delta, at(-230*time.Minute-time.Duration(over)))
		}},
		{name: "ahead", above: "corrected/time", metric: func(m pmetric.Metric, over int) {
			gauge(m, at(9*time.Minute+time.Duration(over)))
		}},
	},
}

func TestEachLimitBelowAtAndAbove(t *testing.T) {
	for _, row := range Limits {
		if row.Hop != "gateway, `intake`" {
			continue
		}
		require.NotEmpty(t, bounds[row.What], "no test of the limit of "+row.What)
		for _, each := range bounds[row.What] {
			for over, name := range map[int]string{-1: "below", 0: "at", 1: "above"} {
				t.Run(row.What+", "+each.name+", "+name, func(t *testing.T) {
					want := map[string]int64{}
					if over > 0 {
						require.Contains(t, row.Above, each.above)
						want[each.above] = 1
					}
					require.Equal(t, want, each.send(t, over).counted(t))
				})
			}
		}
	}
}
