package intake

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
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

func TestSpanBelowAtAndAboveTheLimit(t *testing.T) {
	const limit = 1_000_000
	for _, each := range []struct {
		name string
		over int
		cut  bool
	}{{"below", -1, false}, {"at", 0, false}, {"above", 1, true}} {
		t.Run(each.name, func(t *testing.T) {
			d := newDoor(t, "traces")
			s := d.span(t, func(s ptrace.Span) {
				s.Attributes().PutStr("gen_ai.input.messages", "")
				content := words(limit - scanSpan(s).size + each.over)
				s.Attributes().PutStr("gen_ai.input.messages", content)
			})
			require.LessOrEqual(t, sizeOf(s), limit)
			_, marked := s.Attributes().Get(attrCut)
			require.Equal(t, each.cut, marked)
			require.Equal(t, each.cut, d.counted(t)["cut/size"] == 1)
		})
	}
}

func TestCutTakesTheLargestTextAndSaysHowMuch(t *testing.T) {
	d := newDoor(t, "traces")
	s := d.span(t, func(s ptrace.Span) {
		s.Attributes().PutStr("session.id", "s-1")
		s.Attributes().PutStr("some.dialect.prompt", words(3_500_000))
		s.Attributes().PutStr("some.dialect.answer", words(2000))
		s.Attributes().PutDouble("llm.cost", 0.5)
	})
	require.LessOrEqual(t, sizeOf(s), 1_000_000)
	require.Greater(t, sizeOf(s), 990_000)
	prompt := text(t, s.Attributes(), "some.dialect.prompt")
	require.Regexp(t, `said seven.*… \[cut \d+ bytes\]$`, prompt)
	require.Equal(t, words(2000), text(t, s.Attributes(), "some.dialect.answer"))
	require.Equal(t, "s-1", text(t, s.Attributes(), "session.id"))
	require.Equal(t, "gpt-4o", text(t, s.Attributes(), "gen_ai.request.model"))
	cut, _ := s.Attributes().Get(attrCut)
	require.InDelta(t, 3_500_000-len(prompt), cut.Int(), 200)
	require.Equal(t, map[string]int64{"cut/size": 1}, d.counted(t))
}

func TestMediaIsReplacedBeforeTextIsCut(t *testing.T) {
	d := newDoor(t, "traces")
	photo := make([]byte, 3_000_000)
	rand.New(rand.NewSource(1)).Read(photo)
	copy(photo, "\x89PNG\r\n\x1a\n")
	code := base64.StdEncoding.EncodeToString(photo)
	for name, part := range map[string]any{
		"part": map[string]any{"type": "blob", "modality": "image", "mime_type": "image/png", "content": code},
		"url":  map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:image/png;base64," + code}},
	} {
		t.Run(name, func(t *testing.T) {
			messages, err := json.Marshal([]any{map[string]any{"role": "user", "parts": []any{map[string]any{"type": "text", "content": "What is in this picture?"}, part}}})
			require.NoError(t, err)
			s := d.span(t, func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.input.messages", string(messages)) })
			kept := text(t, s.Attributes(), "gen_ai.input.messages")
			require.True(t, json.Valid([]byte(kept)))
			require.Contains(t, kept, "What is in this picture?")
			require.Regexp(t, `\[image/png of 3000000 bytes, sha256 [0-9a-f]{64}\]`, kept)
			require.Less(t, len(kept), 500)
		})
	}
}

func TestMessagesThatAreCutStayJSON(t *testing.T) {
	long := []any{}
	for i := range 40_000 {
		long = append(long, map[string]any{"role": "user", "content": fmt.Sprintf("short message %d", i)})
	}
	for name, value := range map[string]any{
		"one long text":    []any{map[string]any{"role": "user", "content": words(2_000_000)}},
		"escapes":          []any{map[string]any{"role": "user", "content": strings.Repeat("\"\\\n\u2028", 400_000)}},
		"surrogates":       []any{strings.Repeat("😀", 400_000)},
		"many short ones":  long,
		"numbers":          make([]float64, 900_000),
		"an object of all": map[string]any{"messages": long},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, "traces")
			raw, err := json.Marshal(value)
			require.NoError(t, err)
			if name == "surrogates" {
				raw = []byte(`["` + strings.Repeat(`\ud83d\ude00`, 200_000) + `"]`)
			}
			s := d.span(t, func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.input.messages", string(raw)) })
			kept := text(t, s.Attributes(), "gen_ai.input.messages")
			require.True(t, json.Valid([]byte(kept)), kept[:min(len(kept), 200)])
			require.True(t, utf8.ValidString(kept))
			require.NotContains(t, kept, "\ufffd")
			var back any
			require.NoError(t, json.Unmarshal([]byte(kept), &back))
			require.NotContains(t, fmt.Sprint(back), "\ufffd") // no half of a pair
			require.Contains(t, kept, "[cut ")
			require.LessOrEqual(t, sizeOf(s), 1_000_000)
		})
	}
}

func TestSpanOfManyPartsFitsToo(t *testing.T) {
	for name, change := range map[string]func(ptrace.Span){
		"attributes": func(s ptrace.Span) {
			for i := range 3000 {
				s.Attributes().PutStr(fmt.Sprintf("note.%d", i), words(600))
			}
		},
		"ids": func(s ptrace.Span) {
			for i := range 3000 {
				s.Attributes().PutStr(fmt.Sprintf("part.%d.id", i), words(500))
			}
		},
		"events": func(s ptrace.Span) {
			for range 30_000 {
				e := s.Events().AppendEmpty()
				e.SetTimestamp(at(0))
				e.SetName("gen_ai.choice")
			}
		},
		"links": func(s ptrace.Span) {
			for range 30_000 {
				s.Links().AppendEmpty().SetTraceID([16]byte{2})
			}
		},
		"a list of numbers": func(s ptrace.Span) {
			list := s.Attributes().PutEmptySlice("embedding")
			for range 300_000 {
				list.AppendEmpty().SetDouble(0.5)
			}
		},
		"bytes":  func(s ptrace.Span) { s.Attributes().PutEmptyBytes("blob").FromRaw(make([]byte, 2_000_000)) },
		"status": func(s ptrace.Span) { s.Status().SetMessage(words(2_000_000)) },
		"exception": func(s ptrace.Span) {
			e := s.Events().AppendEmpty()
			e.SetTimestamp(at(0))
			e.SetName("exception")
			e.Attributes().PutStr("exception.stacktrace", words(2_000_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, "traces")
			s := d.span(t, change)
			require.LessOrEqual(t, sizeOf(s), 1_000_000)
			require.Equal(t, "gpt-4o", text(t, s.Attributes(), "gen_ai.request.model"))
			require.Equal(t, "1000", text(t, s.Attributes(), "gen_ai.usage.input_tokens"))
			_, marked := s.Attributes().Get(attrCut)
			require.True(t, marked)
			require.EqualValues(t, 1, d.counted(t)["cut/size"])
		})
	}
}

func TestBytesThatAStoreRefusesBecomeText(t *testing.T) {
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

func TestNamesAndIDsThatAreTooLongStayDifferent(t *testing.T) {
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

func TestAttributesThatNoStoreTakesAreCorrected(t *testing.T) {
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

func TestOfTwoAttributesWithOneNameTheLastCounts(t *testing.T) {
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
	require.Equal(t, "2 refused, most for their trace_id; see docs/limits.md", why)
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

func TestTimesOfSpansBecomePossible(t *testing.T) {
	hour := time.Hour
	micro := func(offset time.Duration) pcommon.Timestamp { return at(offset) / 1000 }
	for _, each := range []struct {
		name       string
		start, end pcommon.Timestamp
		lasts      time.Duration
		ends       pcommon.Timestamp
		counted    string
	}{
		{"good", at(-2 * time.Second), at(0), 2 * time.Second, at(0), ""},
		{"long ago", at(-300 * hour), at(-299 * hour), hour, at(-299 * hour), ""},
		{"ends a nanosecond before it starts", at(0), at(0) - 1, 0, at(0), "corrected/duration"},
		{"no start", 0, at(0), 0, at(0), "corrected/time"},
		{"no end", at(-time.Second), 0, 0, at(-time.Second), "corrected/time"},
		{"neither", 0, 0, 0, at(0), "corrected/time"},
		{"microseconds", micro(-2 * time.Second), micro(0), 2 * time.Second, at(0), "corrected/time"},
		{"milliseconds", at(-2*time.Second) / 1e6, at(0) / 1e6, 2 * time.Second, at(0), "corrected/time"},
		{"seconds", at(-2*time.Second) / 1e9, at(0) / 1e9, 2 * time.Second, at(0), "corrected/time"},
		{"an hour ahead", at(hour), at(hour + 2*time.Second), 2 * time.Second, at(0), "corrected/time"},
		{"36 hours ahead", at(36 * hour), at(36*hour + time.Second), time.Second, at(0), "corrected/time"},
		{"just ahead", at(8 * time.Minute), at(9 * time.Minute), time.Minute, at(9 * time.Minute), ""},
		{"partly ahead", at(8 * time.Minute), at(10 * time.Minute), 2 * time.Minute, at(0), "corrected/time"},
		{"never ends", at(-time.Second), math.MaxUint64, 0, at(-time.Second), "corrected/time"},
		{"clock of 1970", pcommon.Timestamp(300e9), pcommon.Timestamp(302e9), 2 * time.Second, at(0), "corrected/time"},
		{"31 days", at(-31 * 24 * hour), at(0), 31 * 24 * hour, at(0), ""},
		{"a year", at(-365 * 24 * hour), at(0), 0, at(0), "corrected/duration"},
	} {
		t.Run(each.name, func(t *testing.T) {
			d := newDoor(t, "traces")
			s := d.span(t, func(s ptrace.Span) {
				s.SetStartTimestamp(each.start)
				s.SetEndTimestamp(each.end)
			})
			require.Equal(t, each.lasts, time.Duration(s.EndTimestamp()-s.StartTimestamp()))
			require.Equal(t, each.ends.AsTime(), s.EndTimestamp().AsTime())
			if each.counted == "" {
				require.Empty(t, d.counted(t))
				return
			}
			require.Equal(t, map[string]int64{each.counted: 1}, d.counted(t))
			if s.StartTimestamp() != each.start {
				require.Equal(t, fmt.Sprint(uint64(each.start)), text(t, s.Attributes(), attrStart))
			}
			if s.EndTimestamp() != each.end && each.end < math.MaxInt64 {
				require.Equal(t, fmt.Sprint(uint64(each.end)), text(t, s.Attributes(), attrEnd))
			}
		})
	}
}

func TestTimesOfEventsBecomePossible(t *testing.T) {
	d := newDoor(t, "traces")
	s := d.span(t, func(s ptrace.Span) {
		s.Events().AppendEmpty().SetTimestamp(at(-time.Second))
		s.Events().AppendEmpty().SetTimestamp(17)
	})
	require.Equal(t, at(-time.Second), s.Events().At(0).Timestamp())
	require.Equal(t, s.EndTimestamp(), s.Events().At(1).Timestamp())
	require.Equal(t, "17", text(t, s.Events().At(1).Attributes(), attrTime))
	require.Equal(t, map[string]int64{"corrected/time": 1}, d.counted(t))
}

func TestSpanThatIsSentAgainGetsTheSameTimes(t *testing.T) {
	d := newDoor(t, "traces")
	ahead := func(s ptrace.Span) {
		s.SetStartTimestamp(at(time.Hour))
		s.SetEndTimestamp(at(time.Hour + time.Second))
	}
	first := d.span(t, ahead)
	d.now = func() time.Time { return arrival.Add(5 * time.Minute) }
	again := d.span(t, ahead)
	require.Equal(t, at(-time.Second), again.StartTimestamp())
	require.Equal(t, first.EndTimestamp(), again.EndTimestamp())
	other := d.span(t, func(s ptrace.Span) { ahead(s); s.SetSpanID([8]byte{9}) })
	require.Equal(t, at(5*time.Minute), other.EndTimestamp())
	d.now = func() time.Time { return arrival.Add(time.Hour / 2) }
	d.span(t, func(s ptrace.Span) { ahead(s); s.SetSpanID([8]byte{10}); s.SetStartTimestamp(0); s.SetEndTimestamp(0) })
	d.now = func() time.Time { return arrival.Add(42 * time.Minute) }
	forgotten := d.span(t, ahead)
	require.Equal(t, at(42*time.Minute), forgotten.EndTimestamp())
}

func TestArrivalsAreBounded(t *testing.T) {
	a := newArrivals()
	for i := range 3 * remembered {
		require.EqualValues(t, arrival.UnixNano(), a.of(arrival, number(uint64(i))))
	}
	require.LessOrEqual(t, len(a.young)+len(a.older), 2*remembered)
}
