package intake

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestOrdinarySpanIsLeftAsItIs(t *testing.T) {
	d := newDoor(t, "traces")
	before := span(func(s ptrace.Span) {
		s.Attributes().PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"Was heißt „später“? 今日は"}]}]`)
		s.Events().AppendEmpty().SetTimestamp(at(-time.Second))
		s.Events().At(0).SetName("exception")
	})
	kept := ptrace.NewTraces()
	before.CopyTo(kept)
	after, err := d.traces(context.Background(), before)
	require.NoError(t, err)
	require.Equal(t, kept, after)
	require.Empty(t, d.counted(t))
}

func TestReplacesBytesRefusedByStores(t *testing.T) {
	d := newDoor(t, "traces")
	s := d.span(t, func(s ptrace.Span) {
		s.SetName("chat\xff")
		s.Attributes().PutStr("user.id", "ann\x00")
		s.Attributes().PutStr("key\xc3", "v")
		s.Attributes().PutStr("half", "ä"[:1]+"b")
		s.Attributes().PutEmptySlice("list").AppendEmpty().SetStr("\xfe")
		s.Attributes().PutEmptyMap("map").PutStr("in", "\x00")
		s.Status().SetMessage("\xff")
		e := s.Events().AppendEmpty()
		e.SetTimestamp(at(0))
		e.Attributes().PutStr("exception.message", "\xff")
		s.TraceState().FromRaw("a=\xff")
	})
	require.Equal(t, "chat\ufffd", s.Name())
	require.Equal(t, "ann\ufffd", text(t, s.Attributes(), "user.id"))
	require.Equal(t, "v", text(t, s.Attributes(), "key\ufffd"))
	require.Equal(t, "\ufffdb", text(t, s.Attributes(), "half"))
	require.Zero(t, scanSpan(s).faults)
	require.Equal(t, map[string]int64{"corrected/text": 1}, d.counted(t))
}

func TestLongNamesAndIDsStayDifferent(t *testing.T) {
	d := newDoor(t, "traces")
	long := func(end string) string {
		return text(t, d.span(t, func(s ptrace.Span) { s.Attributes().PutStr("session.id", words(600)+end) }).Attributes(), "session.id")
	}
	require.Len(t, long("a"), maxName)
	require.NotEqual(t, long("a"), long("b"))
	require.Equal(t, long("a"), long("a"))
	require.Equal(t, words(maxName), text(t, d.span(t, func(s ptrace.Span) { s.Attributes().PutStr("user.id", words(maxName)) }).Attributes(), "user.id"))
	require.LessOrEqual(t, len(d.span(t, func(s ptrace.Span) { s.SetName(words(600)) }).Name()), maxName)
	require.Equal(t, map[string]int64{"cut/name": 6}, d.counted(t))
}

func TestCorrectsAttributesRefusedByStores(t *testing.T) {
	d := newDoor(t, "traces")
	s := d.span(t, func(s ptrace.Span) {
		s.Attributes().PutStr("", "unnamed")
		s.Attributes().PutStr(words(2000), "long")
		s.Attributes().PutDouble("nan", math.NaN())
		s.Attributes().PutDouble("infinite", math.Inf(1))
		s.Attributes().PutEmpty("null")
		deep := s.Attributes().PutEmptyMap("deep")
		for range 100 {
			deep = deep.PutEmptyMap("in")
		}
		s.Attributes().PutStr("last", "kept")
	})
	require.Equal(t, "unnamed", text(t, s.Attributes(), "otelgate.unnamed"))
	_, isThere := s.Attributes().Get("nan")
	require.False(t, isThere)
	require.Contains(t, text(t, s.Attributes(), "deep"), "nested too deep")
	require.Equal(t, "kept", text(t, s.Attributes(), "last"))
	require.Equal(t, map[string]int64{"corrected/key": 1, "corrected/number": 1, "cut/depth": 1}, d.counted(t))
}

func TestLastOfDuplicateAttributesCounts(t *testing.T) {
	d := newDoor(t, "traces")
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(fmt.Appendf(nil, `{"resourceSpans":[{"scopeSpans":[{"spans":[{
		"traceId":"01000000000000000000000000000000","spanId":"0100000000000000","startTimeUnixNano":"%d","endTimeUnixNano":"%d",
		"attributes":[{"key":"a","value":{"intValue":"1"}},{"key":"b","value":{"intValue":"2"}},{"key":"a","value":{"intValue":"3"}}]}]}]}]}`,
		arrival.UnixNano(), arrival.UnixNano()))
	require.NoError(t, err)
	td, err = d.traces(context.Background(), td)
	require.NoError(t, err)
	attributes := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	require.Equal(t, map[string]any{"a": int64(3), "b": int64(2)}, attributes.AsRaw())
	require.Equal(t, map[string]int64{"corrected/key": 1}, d.counted(t))
}

func TestSpansWithoutIDsAreRefusedAndTheirNeighboursStay(t *testing.T) {
	d := newDoor(t, "traces")
	td := span(func(ptrace.Span) {})
	ss := td.ResourceSpans().At(0).ScopeSpans().At(0)
	addSpan(ss, func(s ptrace.Span) { s.SetTraceID([16]byte{}) })
	addSpan(ss, func(s ptrace.Span) { s.SetSpanID([8]byte{}) })
	addSpan(ss, func(ptrace.Span) {})
	ctx, refusals := WithRefusals(context.Background())
	td, err := d.traces(ctx, td)
	require.NoError(t, err)
	require.Equal(t, 2, td.SpanCount())
	n, why := refusals.Items()
	require.EqualValues(t, 2, n)
	require.Equal(t, "2 refused, most with the reason trace_id; see docs/reference/limits.md", why)
	require.Equal(t, map[string]int64{"refused/trace_id": 1, "refused/span_id": 1}, d.counted(t))
}

func TestResourceAndScopeAreBounded(t *testing.T) {
	d := newDoor(t, "traces")
	td := span(func(ptrace.Span) {})
	resource := td.ResourceSpans().At(0).Resource().Attributes()
	resource.PutStr("service.name", words(3000))
	resource.PutStr("process.command_line", words(500_000))
	for i := range 600 {
		resource.PutStr(fmt.Sprintf("label.%d", i), "v")
	}
	scope := td.ResourceSpans().At(0).ScopeSpans().At(0).Scope()
	scope.SetName(words(3000))
	scope.Attributes().PutStr("note", words(100_000))
	td.ResourceSpans().At(0).SetSchemaUrl("https://\xff")
	_, err := d.traces(context.Background(), td)
	require.NoError(t, err)
	s := scan{}
	s.attributes(resource, 0)
	require.LessOrEqual(t, s.size, maxResourceBytes)
	require.LessOrEqual(t, s.leaves, maxResourceLeaves)
	require.Len(t, text(t, resource, "service.name"), maxName)
	require.LessOrEqual(t, len(scope.Name()), maxName)
	require.Less(t, len(text(t, scope.Attributes(), "note")), maxScopeBytes)
	require.Equal(t, "https://\ufffd", td.ResourceSpans().At(0).SchemaUrl())
}

func TestLabelsOfAStreamHaveNoReplacementCharacter(t *testing.T) {
	d := newDoor(t, "traces")
	for _, name := range []string{"shop\xff", "shop\ufffd"} {
		td := span(func(ptrace.Span) {})
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", name)
		_, err := d.traces(context.Background(), td)
		require.NoError(t, err)
		require.Equal(t, "shop?", text(t, td.ResourceSpans().At(0).Resource().Attributes(), "service.name"))
	}
	require.Equal(t, map[string]int64{"corrected/text": 2}, d.counted(t))
}
