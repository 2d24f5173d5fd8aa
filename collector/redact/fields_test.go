package redact

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const trace = "Traceback (most recent call last):\n" +
	"  File \"/app/shop.py\", line 7, in search\n    raise ValueError(\"zorro likes tea\")\n" +
	"ValueError: zorro likes tea\n  File \"/zorro.py\", line 1, in zorro\n"

// oneSpan makes a span of an ordinary application, or, given a GenAI attribute, of an agent.
func oneSpan(attributes map[string]any) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	if err := span.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return td, span
}

func clean(t *testing.T, td ptrace.Traces, content string) {
	t.Helper()
	cfg := defaultConfig()
	cfg.Content = content
	if _, err := newTestRedactor(t, cfg).processTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestAttributesOfOrdinarySpans(t *testing.T) {
	td, span := oneSpan(map[string]any{
		"app.order": "order-7", "app.count": 3, "app.ratio": 0.5, "app.flag": true, "app.empty": "",
		"app.note": "my cat is ill", "app.key": "zq8f7s6d5f4g3h2j", "app.tags": []any{"a", "b"}, "app.texts": []any{"a", "b c d"},
		"app.bytes": []byte("x"), "app.card": int64(4111111111111111), "app.nested": map[string]any{"ok": "yes", "no": "a b"},
		"app.mail": "bob@example.com", "app.question": "why", "userPrompt": "why", "a text": "x",
		"gen_ai.agent.name": "bike_shop", "user.id": "bob@example.com", "session.id": "zq8f7s6d5f4g3h2j",
		"http.route": "/orders/zq8f7s6d5f4g3h2j/items", "url.full": "https://u:p@shop.example/a?q=zorro#f", "url.query": "q=1",
		"app.long": make20(),
	})
	clean(t, td, contentNone)
	same(t, "kept", span.Attributes().AsRaw(), map[string]any{
		"app.order": "order-7", "app.count": 3, "app.ratio": 0.5, "app.flag": true, "app.empty": "", "app.tags": []any{"a", "b"},
		"app.nested": map[string]any{"ok": "yes"}, "gen_ai.agent.name": "bike_shop", "user.id": "[email]",
		"session.id": "zq8f7s6d5f4g3h2j", "http.route": "/orders/[token]/items", "url.full": "https://shop.example/a",
	})
}

func make20() (vector []any) {
	for range 20 {
		vector = append(vector, 0.5)
	}
	return vector
}

func TestAttributesOfGenAISpans(t *testing.T) {
	td, span := oneSpan(map[string]any{
		"a.first": "unlisted", "gen_ai.operation.name": "chat", "gen_ai.request.model": "ft:gpt-4o:acme::9f8AbC12XyZ9",
		"gen_ai.usage.input_tokens": 7, "gen_ai.input.messages": []any{map[string]any{"role": "user"}}, "llm.tools.0.x": "y",
		"gen_ai.response.finish_reasons": []any{"stop"}, "retrieval.documents.0.document.id": "doc-1",
		"retrieval.documents.0.document.score": 0.5, "retrieval.documents.0.document.content": "text", "z.last": "unlisted",
		"z.number": 1, "metadata": `{"ls_provider": "openai", "note": "n", "langgraph_step": 2, "langgraph_node": "a b c d e"}`,
		"embedding.embeddings.0.embedding.vector": []any{0.5}, "llm.token_count.prompt": 9,
	})
	clean(t, td, contentNone)
	same(t, "kept", span.Attributes().AsRaw(), map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "ft:gpt-4o:acme::9f8AbC12XyZ9", "gen_ai.usage.input_tokens": 7,
		"gen_ai.response.finish_reasons": []any{"stop"}, "retrieval.documents.0.document.id": "doc-1", "z.number": 1,
		"metadata": `{"ls_provider":"openai","langgraph_step":2}`, "llm.token_count.prompt": 9,
	})
}

// Unlisted strings are removed in any position: the attribute that decides may come after them.
func TestUnlistedBeforeGenAI(t *testing.T) {
	td, span := oneSpan(nil)
	span.Attributes().PutStr("first", "one")
	span.Attributes().PutInt("number", 1)
	span.Attributes().PutEmptySlice("list").AppendEmpty().SetStr("one")
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	span.Attributes().PutStr("last", "one")
	clean(t, td, contentNone)
	same(t, "kept", span.Attributes().AsRaw(), map[string]any{"number": 1, "gen_ai.operation.name": "chat"})
}

func TestMetadataJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"langgraph_node":"a"}`:                                   `{"langgraph_node":"a"}`,
		` { "x" : {"langgraph_node":"q"} , "ls_provider" : "p" } `: `{"ls_provider":"p"}`,
		`{"x":"\"langgraph_node\":\"q\"","langgraph_step":1}`:      `{"langgraph_step":1}`,
		`{"langgraph_node":{"a":"q"}}`:                             "",
		`{"langgraph_node":"q@example.com"}`:                       "",
		`{"langgraph_node":"a"`:                                    "",
		`{"langgraph_node":"a","x":}`:                              "",
		`["langgraph_node"]`:                                       "",
		"no JSON":                                                  "",
		"":                                                         "",
	} {
		td, span := oneSpan(map[string]any{"metadata": in})
		clean(t, td, contentNone)
		got, _ := stringAt(span.Attributes(), "metadata")
		same(t, in, got, want)
	}
}

func TestSpanFields(t *testing.T) {
	td, span := oneSpan(nil)
	span.SetName("GET /orders/{id}")
	span.TraceState().FromRaw("vendor=zorro,ot=th:c;rv:0123456789abcd")
	span.Status().SetMessage("ValueError('zorro')")
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.Attributes().PutStr("exception.type", "ValueError")
	event.Attributes().PutStr("exception.message", "zorro")
	event.Attributes().PutStr("exception.stacktrace", trace)
	link := span.Links().AppendEmpty()
	link.TraceState().FromRaw("vendor=zorro")
	link.Attributes().PutStr("why", "zorro likes tea")
	clean(t, td, contentNone)
	same(t, "name", span.Name(), "GET /orders/{id}")
	same(t, "trace state", span.TraceState().AsRaw(), "ot=th:c;rv:0123456789abcd")
	same(t, "status", span.Status().Message(), "ValueError")
	same(t, "event", event.Attributes().AsRaw(), map[string]any{
		"exception.type": "ValueError", "exception.stacktrace": `File "/app/shop.py", line 7, in search`,
	})
	same(t, "link", []any{link.TraceState().AsRaw(), link.Attributes().Len()}, []any{"", 0})
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"chat gpt-4.1-mini-2025-04-14":                "chat gpt-4.1-mini-2025-04-14",
		"invoke_agent Billing Bot":                    "invoke_agent Billing Bot",
		"RunnableParallel<a,b>":                       "RunnableParallel<a,b>",
		"claude-sonnet-4-20250514-v1:0":               "claude-sonnet-4-20250514-v1:0",
		"GET /u/123e4567-e89b-12d3-a456-426614174000": "GET /u/[token]",
		"mail bob@example.com":                        "mail [email]",
		"where is my order of last week":              removed,
		"line\nbreak":                                 removed,
		strings.Repeat("ab.", 33):                     removed,
		"":                                            "",
	} {
		td, span := oneSpan(nil)
		span.SetName(in)
		event := span.Events().AppendEmpty()
		event.SetName(in)
		clean(t, td, contentNone)
		same(t, in, []string{span.Name(), event.Name()}, []string{want, want})
	}
}

func TestScopeResourceAndSchema(t *testing.T) {
	td, _ := oneSpan(nil)
	rs := td.ResourceSpans().At(0)
	rs.Resource().Attributes().PutStr("service.name", "My shop, the one with five words")
	rs.Resource().Attributes().PutStr("process.command_line", "x")
	rs.SetSchemaUrl("https://opentelemetry.io/schemas/1.38.0")
	ss := rs.ScopeSpans().At(0)
	ss.Scope().SetName("shop")
	ss.Scope().SetVersion("v0.0.0-20250610090210-191187247685")
	ss.Scope().Attributes().PutStr("x", "zorro likes tea")
	ss.SetSchemaUrl("https://example.com/zorro")
	clean(t, td, contentNone)
	same(t, "resource", rs.Resource().Attributes().AsRaw(), map[string]any{"service.name": "My shop, the one with five words"})
	same(t, "scope", []any{ss.Scope().Name(), ss.Scope().Version(), ss.Scope().Attributes().Len()}, []any{"shop", "v0.0.0", 0})
	same(t, "schemas", []string{rs.SchemaUrl(), ss.SchemaUrl()}, []string{"https://opentelemetry.io/schemas/1.38.0", ""})
}

// Every string field of the seeded requests, with an e-mail address of the same length in place of the secret, comes out without it.
func TestMaskedReachesEveryField(t *testing.T) {
	cfg := defaultConfig()
	cfg.Content = contentMasked
	r := newTestRedactor(t, cfg)
	for signal, pass := range map[string]func(*testing.T, *redactor, []byte) []byte{
		"traces": passTraces, "logs": passLogs, "metrics": passMetrics,
	} {
		raw := string(read(t, "token", signal+".binpb"))
		seeded := 0
		for _, leak := range loadLeaks(t, "token") {
			if word := leak.words[0]; strings.HasPrefix(leak.path, signal) && strings.Contains(raw, word) {
				raw = strings.ReplaceAll(raw, word, "z@"+word[:16]+".com")
				seeded++
			}
		}
		if out := pass(t, r, []byte(raw)); strings.Contains(string(out), "z@") || seeded < 100 {
			t.Errorf("%s: of %d fields, not all were masked", signal, seeded)
		}
	}
}

func TestMaskedKeys(t *testing.T) {
	td, span := oneSpan(map[string]any{"bob@example.com": map[string]any{"+49 30 1234567": "x", "ok": []byte("bob@example.com")}})
	clean(t, td, contentMasked)
	same(t, "keys", span.Attributes().AsRaw(), map[string]any{"[email]": map[string]any{"[phone]": "x", "ok": []byte("[email]")}})
}

func TestDeepNesting(t *testing.T) {
	td, span := oneSpan(nil)
	v := span.Attributes().PutEmpty("deep")
	for range 1000 {
		v = v.SetEmptySlice().AppendEmpty()
	}
	v.SetStr("bob@example.com")
	other := ptrace.NewTraces()
	td.CopyTo(other)
	clean(t, td, contentMasked)
	clean(t, other, contentNone)
	if s := fmt.Sprint(span.Attributes().AsRaw()); strings.Contains(s, "bob") {
		t.Error(s)
	}
	same(t, "none", other.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Len(), 0)
}

func TestPanicRefusesBatch(t *testing.T) {
	r := newTestRedactor(t, defaultConfig())
	err := r.run(context.Background(), func(*pass) { panic("zorro") })
	if err == nil || err.Error() != "Permanent error: redact: cannot clean this batch (string)" {
		t.Errorf("got %v", err)
	}
}

func TestCounters(t *testing.T) {
	tel := componenttest.NewTelemetry()
	r, err := newRedactor(defaultConfig(), tel.NewTelemetrySettings())
	if err != nil {
		t.Fatal(err)
	}
	td, span := oneSpan(map[string]any{"input.value": "hi", "output.value": "ho", "user.id": "bob@example.com"})
	span.Status().SetMessage("oh")
	if _, err := r.processTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"otelgate.redact.removed": {"attribute 2", "status 1"}, "otelgate.redact.masked": {"email 1"},
	} {
		m, err := tel.GetMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
			got = append(got, fmt.Sprint(point.Attributes.ToSlice()[0].Value.AsString(), " ", point.Value))
		}
		slices.Sort(got)
		same(t, name, got, want)
	}
}

// FuzzNone: for any input, cleaning does not panic, and cleaning again changes nothing.
func FuzzNone(f *testing.F) {
	f.Add("metadata", `{"langgraph_node":"a"}`, "GET /a")
	f.Add("exception.stacktrace", trace, "a b c d e f")
	f.Add("url.full", "https://u:p@h/p?q", "bob@example.com")
	r, err := newRedactor(defaultConfig(), componenttest.NewNopTelemetrySettings())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, value, name string) {
		td, span := oneSpan(map[string]any{key: value, "input.value": value})
		span.SetName(name)
		span.TraceState().FromRaw(value)
		ld := plog.NewLogs()
		record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.Body().SetStr(value)
		var first string
		for round := range 2 {
			_, err := r.processTraces(context.Background(), td)
			_, err2 := r.processLogs(context.Background(), ld)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			now := fmt.Sprint(asRaw(span), record.Body().AsString())
			if round == 0 {
				first = now
			} else if key != "exception.stacktrace" && key != "code.stacktrace" && now != first {
				t.Errorf("%s, then %s", first, now)
			}
		}
	})
}

func asRaw(span ptrace.Span) []any {
	return []any{span.Name(), span.TraceState().AsRaw(), pcommon.Map(span.Attributes()).AsRaw()}
}
