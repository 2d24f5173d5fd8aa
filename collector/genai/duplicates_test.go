package genai

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// The same call as a framework and as a provider's instrumentor tell it.
func framework(id, parent byte) span {
	return span{name: "ChatOpenAI", id: id, parent: parent, scope: "framework", from: 0, to: 10, with: map[string]any{
		"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 10, "llm.token_count.completion": 5}}
}

func provider(id, parent byte) span {
	return span{name: "chat gpt-4o", id: id, parent: parent, scope: "provider", from: 1, to: 9, with: map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}}
}

func plain(id, parent byte) span {
	return span{name: "POST", id: id, parent: parent, with: map[string]any{"http.request.method": "POST"}}
}

func chain(id, parent byte) span {
	return span{name: "step", id: id, parent: parent, with: map[string]any{"openinference.span.kind": "CHAIN"}}
}

func toolRun(id, parent byte) span {
	return span{name: "t", id: id, parent: parent, with: map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}}
}

func saying(one span, id string) span {
	one.with[duplicateOf] = id
	return one
}

const (
	counted = "counted"
	neither = ""
)

// TestDuplicates sends one span a request and looks at what each left with: counted, duplicate of which, or neither.
func TestDuplicates(t *testing.T) {
	const of1, of2 = "0100000000000000", "0200000000000000"
	byIDsOnly := func(c *Config) { c.Duplicates.ByTime = false }
	for _, one := range []struct {
		what   string
		spans  []span
		want   []string
		config func(*Config)
	}{
		{"child first", []span{provider(2, 1), framework(1, 9)}, []string{counted, of2}, byIDsOnly},
		{"parent first", []span{framework(1, 9), provider(2, 1)}, []string{counted, of1}, byIDsOnly},
		{"child first, HTTP between", []span{provider(2, 3), plain(3, 1), framework(1, 9)}, []string{counted, neither, of2}, byIDsOnly},
		{"HTTP between, first", []span{plain(3, 1), provider(2, 3), framework(1, 9)}, []string{neither, counted, of2}, byIDsOnly},
		{"parent first, two between", []span{framework(1, 9), chain(4, 1), plain(3, 4), provider(2, 3)}, []string{counted, neither, neither, of1}, byIDsOnly},
		{"three instrumentors", []span{provider(3, 2), provider(2, 1), framework(1, 9)}, []string{counted, "0300000000000000", "0300000000000000"}, byIDsOnly},
		{"three, the middle one first", []span{provider(2, 1), provider(3, 2), framework(1, 9)}, []string{counted, of2, of2}, byIDsOnly},
		{"two calls under one chain", []span{provider(1, 5), provider(2, 5), chain(5, 9)}, []string{counted, counted, neither}, byIDsOnly},
		{"two calls, the chain first", []span{chain(5, 9), provider(1, 5), provider(2, 5)}, []string{neither, counted, counted}, byIDsOnly},
		{"a framework's retries", []span{provider(2, 1), provider(3, 1), framework(1, 9)}, []string{counted, counted, of2}, byIDsOnly},
		{"a tool between", []span{provider(2, 3), toolRun(3, 1), framework(1, 9)}, []string{counted, neither, counted}, byIDsOnly},
		{"a resend", []span{provider(2, 1), provider(2, 1), framework(1, 9), framework(1, 9), provider(2, 1)}, []string{counted, counted, of2, of2, counted}, nil},
		{"an embedding under a chat", []span{{name: "e", id: 2, parent: 1, with: map[string]any{"gen_ai.operation.name": "embeddings"}}, framework(1, 9)},
			[]string{counted, counted}, byIDsOnly},
		{"another trace", []span{provider(2, 1), func() span { s := framework(1, 9); s.trace = 7; return s }()}, []string{counted, counted}, nil},
		{"a circle", []span{chain(3, 4), chain(4, 3), provider(2, 3)}, []string{neither, neither, counted}, byIDsOnly},

		{"said, before the other", []span{saying(provider(2, 1), of1), framework(1, 9)}, []string{of1, counted}, nil},
		{"said, after the other", []span{framework(1, 9), saying(provider(2, 1), of1)}, []string{counted, of1}, nil},
		{"said twice, one within the other", []span{saying(provider(3, 2), of1), saying(provider(2, 1), of1), framework(1, 9)},
			[]string{of1, of1, counted}, nil},
		{"said, and a third that says nothing", []span{saying(provider(2, 1), of1), provider(3, 2), framework(1, 9)}, []string{of1, of1, counted}, nil},
		{"said, and sent again", []span{saying(provider(2, 1), of1), saying(provider(2, 1), of1)}, []string{of1, of1}, nil},
		{"said of itself", []span{saying(provider(1, 9), of1)}, []string{counted}, nil},
		{"said badly", []span{saying(provider(1, 9), "the other one")}, []string{counted}, nil},

		{"siblings, child first", []span{provider(2, 9), framework(1, 8)}, []string{counted, of2}, nil},
		{"siblings, parent first", []span{framework(1, 8), provider(2, 9)}, []string{counted, of1}, nil},
		{"siblings, but by ids only", []span{framework(1, 8), provider(2, 9)}, []string{counted, counted}, byIDsOnly},
		{"siblings, two pairs at the same time", []span{provider(2, 9), provider(3, 9), framework(1, 8), framework(4, 8)}, []string{counted, counted, of2, "0300000000000000"}, nil},
		{"siblings, other tokens", []span{framework(1, 8), func() span { s := provider(2, 9); s.with["gen_ai.usage.input_tokens"] = 11; return s }()},
			[]string{counted, counted}, nil},
		{"one after the other", []span{framework(1, 8), func() span { s := provider(2, 9); s.from, s.to = 11, 12; return s }()}, []string{counted, counted}, nil},
		{"of one instrumentor", []span{provider(1, 8), func() span { s := provider(2, 9); s.from, s.to = 2, 3; return s }()}, []string{counted, counted}, nil},
	} {
		t.Run(one.what, func(t *testing.T) {
			var change []func(*Config)
			if one.config != nil {
				change = append(change, one.config)
			}
			g := newGate(t, change...)
			for i, s := range one.spans {
				got := g.attributes(t, s)
				switch one.want[i] {
				case counted:
					require.NotContains(t, got, duplicateOf, i)
					require.Contains(t, got, costStatus, i)
				case neither:
					require.NotContains(t, got, duplicateOf, i)
					require.NotContains(t, got, costStatus, i)
				default:
					require.Equal(t, one.want[i], got[duplicateOf], i)
					require.NotContains(t, got, costUSD, i)
					require.NotContains(t, got, costStatus, i)
				}
			}
		})
	}
}

func TestOfOneRequestTheInnerCallIsCounted(t *testing.T) {
	retry := provider(4, 1)
	retry.from, retry.to = 9, 10
	for _, spans := range [][]span{
		{framework(1, 9), provider(2, 3), plain(3, 1), retry},
		{retry, provider(2, 3), plain(3, 1), framework(1, 9)},
		{plain(3, 1), framework(1, 9), retry, provider(2, 3)},
	} {
		said := map[byte]any{}
		for i, got := range newGate(t).send(t, spans...) {
			said[spans[i].id] = got.Attributes().AsRaw()[duplicateOf]
		}
		require.Equal(t, map[byte]any{1: "0200000000000000", 2: nil, 3: nil, 4: nil}, said)
	}
}

func TestOtherApplicationsSpansNeitherRepeatNorNameAnything(t *testing.T) {
	g := newGate(t)
	send := func(application string, one span) map[string]any {
		traces := request(one)
		traces.ResourceSpans().At(0).Resource().Attributes().PutStr("otelgate.application", application)
		require.NoError(t, g.ConsumeTraces(context.Background(), traces))
		sent := g.sink.AllTraces()
		return sent[len(sent)-1].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	}
	evil := span{name: "evil", id: 9, with: map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "evil"}}
	send("thief", evil)
	send("thief", framework(1, 9))
	mine := send("shop", provider(2, 1))
	require.NotContains(t, mine, duplicateOf)
	require.NotContains(t, mine, agentName)
	require.Contains(t, mine, costStatus)
	require.Equal(t, "0200000000000000", send("shop", framework(1, 9))[duplicateOf], "of one application, as ever")
}

func TestAgentRunSeenTwice(t *testing.T) {
	run := func(id, parent byte, name string) span {
		return span{name: name, id: id, parent: parent, with: map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}}
	}
	g := newGate(t)
	require.NotContains(t, g.attributes(t, run(3, 2, "billing")), duplicateOf)
	require.NotContains(t, g.attributes(t, chain(2, 1)), duplicateOf)
	require.Equal(t, "0300000000000000", g.attributes(t, run(1, 9, "billing"))[duplicateOf])

	g = newGate(t) // agents that call agents have their own runs, and so does an agent that calls itself by a tool
	require.NotContains(t, g.attributes(t, run(3, 1, "clerk")), duplicateOf)
	require.NotContains(t, g.attributes(t, run(1, 9, "billing")), duplicateOf)
	require.NotContains(t, g.attributes(t, toolRun(4, 1)), duplicateOf)
	require.NotContains(t, g.attributes(t, run(5, 4, "billing")), duplicateOf)
}
