package wire

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"
)

// Ids of each length, and of wrong ones, down to one whose length takes two bytes.
var lengths = []int{0, 1, 7, 8, 9, 15, 16, 17, 32, 127, 128, 300}

func sub(number protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), join(content...))
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, each := range parts {
		all = append(all, each...)
	}
	return all
}

func fixed64(number protowire.Number, value uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), value)
}

func id(number protowire.Number, length int) []byte {
	return sub(number, []byte(strings.Repeat("\x8a", length)))
}

func wanted(length, right int) (is string, isWrong int) {
	switch length {
	case right:
		return strings.Repeat("8a", right), 0
	case 0:
		return "", 0
	}
	return "", 1
}

func TestIDsOfAWrongLengthAreLeftOutOfSpans(t *testing.T) {
	for _, a := range lengths {
		for _, b := range lengths {
			span := join(id(1, a), id(2, b), id(4, a), sub(5, []byte("first")), fixed64(7, 5), sub(13, id(1, b), id(2, a), sub(3, []byte("state"))))
			given := sub(1, sub(1), sub(2, sub(1), sub(2, span), sub(2, sub(5, []byte("second")))))
			got, seen := Of("x.ExportTraceServiceRequest").Protobuf(given)
			request := ptraceotlp.NewExportRequest()
			require.NoError(t, request.UnmarshalProto(got), "%d %d", a, b)
			spans := request.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			require.Equal(t, 2, spans.Len())
			require.Equal(t, []string{"first", "second"}, []string{spans.At(0).Name(), spans.At(1).Name()})
			first := spans.At(0)
			require.EqualValues(t, 5, first.StartTimestamp())
			require.Equal(t, "state", first.Links().At(0).TraceState().AsRaw())
			all := 0
			for is, expected := range map[string][2]int{
				first.TraceID().String():               {a, traceID},
				first.SpanID().String():                {b, spanID},
				first.ParentSpanID().String():          {a, spanID},
				first.Links().At(0).TraceID().String(): {b, traceID},
				first.Links().At(0).SpanID().String():  {a, spanID},
			} {
				text, _ := wanted(expected[0], expected[1])
				require.Equal(t, text, is, "%v", expected)
			}
			for _, expected := range [][2]int{{a, traceID}, {b, spanID}, {a, spanID}, {b, traceID}, {a, spanID}} {
				_, one := wanted(expected[0], expected[1])
				all += one
			}
			require.Equal(t, all, seen.WrongIDs)
			if all == 0 {
				require.Same(t, &given[0], &got[0], "no copy is made")
			}
		}
	}
}

func TestIDsOfAWrongLengthAreLeftOutOfLogRecords(t *testing.T) {
	for _, length := range lengths {
		given := sub(1, sub(2, sub(2, id(9, length), id(10, length), sub(12, []byte("event")))))
		got, _ := Of("/v1/logs").Protobuf(given)
		request := plogotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(got))
		record := request.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		trace, _ := wanted(length, traceID)
		span, _ := wanted(length, spanID)
		require.Equal(t, []string{trace, span, "event"}, []string{record.TraceID().String(), record.SpanID().String(), record.EventName()})
	}
}

func TestIDsOfAWrongLengthAreLeftOutOfExemplars(t *testing.T) {
	for _, length := range lengths {
		exemplar := join(fixed64(2, 7), id(4, length), id(5, length))
		point := func(number protowire.Number) []byte { return sub(1, fixed64(3, 9), sub(number, exemplar)) }
		given := sub(1, sub(2,
			sub(2, sub(5, point(5))), sub(2, sub(7, point(5))), sub(2, sub(9, point(8))), sub(2, sub(10, point(11)))))
		got, _ := Of("/v1/metrics").Protobuf(given)
		request := pmetricotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(got))
		trace, _ := wanted(length, traceID)
		found := exemplars(request.Metrics())
		require.Len(t, found, 4)
		for _, each := range found {
			require.Equal(t, trace, each.TraceID().String())
			require.EqualValues(t, 7, each.Timestamp())
		}
	}
}

func exemplars(given pmetric.Metrics) []pmetric.Exemplar {
	var all []pmetric.Exemplar
	of := func(found pmetric.ExemplarSlice) {
		for _, each := range found.All() {
			all = append(all, each)
		}
	}
	for _, each := range given.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		switch each.Type() {
		case pmetric.MetricTypeGauge:
			of(each.Gauge().DataPoints().At(0).Exemplars())
		case pmetric.MetricTypeSum:
			of(each.Sum().DataPoints().At(0).Exemplars())
		case pmetric.MetricTypeHistogram:
			of(each.Histogram().DataPoints().At(0).Exemplars())
		case pmetric.MetricTypeExponentialHistogram:
			of(each.ExponentialHistogram().DataPoints().At(0).Exemplars())
		}
	}
	return all
}

func TestArbitraryBytesDoNotPanic(t *testing.T) {
	whole := sub(1, sub(2, sub(2, id(1, 3), sub(5, []byte("name")))))
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	for range 20000 {
		given := append([]byte{}, whole[:r.Intn(len(whole)+1)]...)
		for range r.Intn(4) {
			if len(given) > 0 {
				given[r.Intn(len(given))] = byte(r.Intn(256))
			}
		}
		for _, name := range []string{"/v1/traces", "/v1/logs", "/v1/metrics", "/other"} {
			before := append([]byte{}, given...)
			got, seen := Of(name).Protobuf(given)
			require.Equal(t, before, given, "what is given stays")
			require.Len(t, got, len(given))
			require.GreaterOrEqual(t, seen.Size, int64(len(given)))
			if seen.WrongIDs+seen.TooDeep == 0 {
				require.Equal(t, before, got)
			}
		}
	}
}

func TestIDsOfAWrongLengthInJSONBecomeEmpty(t *testing.T) {
	right, short := strings.Repeat("Ab", 16), "0123456789abcdef"
	for given, want := range map[string]string{
		`{"traceId":"` + right + `","spanId":"` + short + `"}`:    `{"traceId":"` + right + `","spanId":"` + short + `"}`,
		`{"traceId" : "abc" , "spanId":"x"}`:                      `{"traceId" : "" , "spanId":""}`,
		`{"parentSpanId":"` + right + `"}`:                        `{"parentSpanId":""}`,
		`{"trace_id":"` + short + `","span_id":"1"}`:              `{"trace_id":"","span_id":""}`,
		`{"traceId":"` + right[1:] + `g"}`:                        `{"traceId":""}`,
		`{"traceId":"","spanId":5}`:                               `{"traceId":"","spanId":5}`,
		`{"key":"traceId","value":{"stringValue":"traceId"}}`:     `{"key":"traceId","value":{"stringValue":"traceId"}}`,
		`{"stringValue":"{\"traceId\":\"1\"}"}`:                   `{"stringValue":"{\"traceId\":\"1\"}"}`,
		`{"traceId":"a\"b"}`:                                      `{"traceId":""}`,
		`{"traceId":"abc`:                                         `{"traceId":"abc`,
		`{"traceId":`:                                             `{"traceId":`,
		`{"traceId"`:                                              `{"traceId"`,
		`{"traceId":"a","x":null,"spans":[{"traceId":"b"},null]}`: `{"traceId":"","spans":[{"traceId":""},null]}`,
	} {
		got, _ := JSON([]byte(given))
		require.Equal(t, want, string(got), given)
	}
}

func TestJSONWithWrongIDsIsDecoded(t *testing.T) {
	traces, logs := ptrace.NewTraces(), plog.NewLogs()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	trace := [16]byte{1, 2, 3}
	for range 3 {
		span, record := spans.AppendEmpty(), records.AppendEmpty()
		span.SetTraceID(trace)
		record.SetTraceID(trace)
		span.Attributes().PutStr("traceId", `"traceId":"x"`)
		record.Body().SetStr(`{"traceId":"x"}`)
	}
	written, wrong := hex.EncodeToString(trace[:]), "0102"
	for _, each := range []struct {
		marshal func() ([]byte, error)
		decode  func([]byte) error
	}{
		{ptraceotlp.NewExportRequestFromTraces(traces).MarshalJSON, ptraceotlp.NewExportRequest().UnmarshalJSON},
		{plogotlp.NewExportRequestFromLogs(logs).MarshalJSON, plogotlp.NewExportRequest().UnmarshalJSON},
	} {
		text, err := each.marshal()
		require.NoError(t, err)
		bad := []byte(strings.Replace(string(text), written, wrong, 2))
		require.True(t, json.Valid(bad))
		got, seen := JSON(append([]byte{}, bad...))
		require.Equal(t, 2, seen.WrongIDs)
		require.Error(t, each.decode(bad))
		require.NoError(t, each.decode(got))
		require.Equal(t, strings.ReplaceAll(string(bad), `"`+wrong+`"`, `""`), string(got))
	}
}

func repeated(count int, one []byte) []byte { return []byte(strings.Repeat(string(one), count)) }

func TestSmallItemsCountAsMoreThanTheirBytes(t *testing.T) {
	const count = 1000
	spans := func(one ...[]byte) []byte { return sub(1, sub(2, repeated(count, sub(2, one...)))) }
	records := func(one ...[]byte) []byte { return sub(1, sub(2, repeated(count, sub(2, one...)))) }
	metric := func(kind protowire.Number, one ...[]byte) []byte {
		return sub(1, sub(2, sub(2, sub(kind, repeated(count, sub(1, one...))))))
	}
	pair := sub(1)
	few := int64(5 * itemSize) // what they are in
	for _, each := range []struct {
		what, name string
		given      []byte
		least      int64
	}{
		{"resources", "/v1/traces", repeated(count, sub(1)), itemSize},
		{"resources", "/v1/logs", repeated(count, sub(1)), itemSize},
		{"resources", "/v1/metrics", repeated(count, sub(1)), itemSize},
		{"scopes", "/v1/traces", sub(1, repeated(count, sub(2))), itemSize},
		{"attributes of a resource", "/v1/traces", sub(1, sub(1, repeated(count, sub(1)))), attributeSize},
		{"attributes of a scope", "/v1/logs", sub(1, sub(2, sub(1, repeated(count, sub(3))))), attributeSize},
		{"spans", "/v1/traces", spans(), itemSize},
		{"spans with an attribute", "/v1/traces", spans(sub(9)), itemSize + attributeSize},
		{"events", "/v1/traces", sub(1, sub(2, sub(2, repeated(count, sub(11))))), itemSize},
		{"links", "/v1/traces", sub(1, sub(2, sub(2, repeated(count, sub(13))))), itemSize},
		{"attributes of an event", "/v1/traces", sub(1, sub(2, sub(2, sub(11, repeated(count, sub(3)))))), attributeSize},
		{"records", "/v1/logs", records(), itemSize},
		{"records with an attribute", "/v1/logs", records(sub(6)), itemSize + attributeSize},
		{"values of a list in a body", "/v1/logs", sub(1, sub(2, sub(2, sub(5, sub(5, repeated(count, sub(1))))))), attributeSize},
		{"pairs of a map in an attribute", "/v1/logs", sub(1, sub(2, sub(2, sub(6, sub(2, sub(6, repeated(count, pair))))))), attributeSize},
		{"metrics", "/v1/metrics", sub(1, sub(2, repeated(count, sub(2)))), itemSize},
		{"gauges", "/v1/metrics", metric(5), itemSize},
		{"sums with an attribute", "/v1/metrics", metric(7, sub(7)), itemSize + attributeSize},
		{"histograms with an exemplar", "/v1/metrics", metric(9, sub(8)), 2 * itemSize},
		{"exponential histograms with an attribute", "/v1/metrics", metric(10, sub(1)), itemSize + attributeSize},
		{"summaries with a quantile", "/v1/metrics", metric(11, sub(6)), 2 * itemSize},
	} {
		_, seen := Of(each.name).Protobuf(each.given)
		require.GreaterOrEqual(t, seen.Size, count*each.least, "%s, %s", each.what, each.name)
		require.LessOrEqual(t, seen.Size, count*each.least+few, "%s, %s", each.what, each.name)
		_, torn := Of(each.name).Protobuf(append(each.given, 0x0a))
		require.Equal(t, seen.Size, torn.Size, "%s: what is decoded before a fault counts, too", each.what)
	}
}

func TestOrdinaryRequestCountsAsItsBytes(t *testing.T) {
	traces := usual(100)
	data, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	require.NoError(t, err)
	_, seen := Of("/v1/traces").Protobuf(data)
	require.EqualValues(t, len(data), seen.Size)
	text, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalJSON()
	require.NoError(t, err)
	_, seen = JSON(text)
	require.EqualValues(t, len(text), seen.Size)
}

func TestSmallItemsInJSONCountAsMoreThanTheirBytes(t *testing.T) {
	for given, listed := range map[string]int64{
		`{"resourceLogs":[` + strings.Repeat(`{},`, 99) + `{}]}`: 100,
		`{"a":[ {} , {"b":{}} ,{"c":[{"d":1},2]}]}`:              4,
		`{"a":"[{},{},{}]","b":["{","{"]}`:                       0,
		`{"a":{"b":{"c":{}}}}`:                                   0,
		`[{`:                                                     1,
	} {
		_, seen := JSON([]byte(given))
		require.Equal(t, max(int64(len(given)), itemSize*listed), seen.Size, given)
	}
}

func TestLeavesOutTooDeepNesting(t *testing.T) {
	for levels, deep := range map[int]int{1: 0, maxDepth: 0, maxDepth + 1: 1, 500: 1, 9000: 1} {
		for _, number := range []protowire.Number{5, 6} {
			value := sub(1, []byte("text"))
			for range levels {
				if number == 5 {
					value = sub(5, sub(1, value))
				} else {
					value = sub(6, sub(1, sub(1, []byte("k")), sub(2, value)))
				}
			}
			given := sub(1, sub(2, sub(2, sub(6, sub(1, []byte("deep")), sub(2, value))), sub(2, sub(12, []byte("next")))))
			got, seen := Of("/v1/logs").Protobuf(given)
			require.Equal(t, deep, seen.TooDeep, "%d levels of %d", levels, number)
			request := plogotlp.NewExportRequest()
			require.NoError(t, request.UnmarshalProto(got))
			records := request.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			require.Equal(t, 2, records.Len())
			require.Equal(t, "next", records.At(1).EventName())
			require.Equal(t, 1, records.At(0).Attributes().Len())
		}
	}
}

func TestBoundsNestingOfUnusualEncodings(t *testing.T) {
	deep := sub(1, []byte("text"))
	for range 5000 {
		deep = sub(5, sub(1, deep))
	}
	torn := append(sub(1, sub(2, sub(2, sub(5, deep)))), 0x0a)
	got, seen := Of("/v1/logs").Protobuf(torn)
	require.Equal(t, 1, seen.TooDeep, "it has a fault behind")
	require.Error(t, plogotlp.NewExportRequest().UnmarshalProto(got))

	long := func(number byte, content []byte) []byte { // a tag of two bytes where one would do
		return append(protowire.AppendVarint([]byte{number<<3 | 2 | 0x80, 0}, uint64(len(content))), content...)
	}
	deep = sub(1, []byte("text"))
	for range maxDepth + 1 {
		deep = long(5, sub(1, deep))
	}
	_, seen = Of("/v1/logs").Protobuf(sub(1, sub(2, sub(2, sub(5, deep)))))
	require.EqualValues(t, math.MaxInt64, seen.Size, "it is refused as too large")
}

func usual(count int) ptrace.Traces {
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range count {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{1})
		span.SetSpanID([8]byte{1})
		span.SetStartTimestamp(1 << 60)
		span.SetEndTimestamp(1 << 60)
		span.SetName("chat")
		for i := range 10 {
			span.Attributes().PutStr("gen_ai.attribute."+string(rune('a'+i)), strings.Repeat("x", 20))
			span.Attributes().PutInt("gen_ai.usage."+string(rune('a'+i)), 1000)
		}
	}
	return traces
}

func BenchmarkProtobuf(b *testing.B) {
	const count = 100
	data, err := ptraceotlp.NewExportRequestFromTraces(usual(count)).MarshalProto()
	require.NoError(b, err)
	request := Of("/v1/traces")
	b.ReportAllocs()
	for b.Loop() {
		request.Protobuf(data)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/span")
}

func BenchmarkDecode(b *testing.B) {
	const count = 100
	data, err := ptraceotlp.NewExportRequestFromTraces(usual(count)).MarshalProto()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, ptraceotlp.NewExportRequest().UnmarshalProto(data))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/span")
}
