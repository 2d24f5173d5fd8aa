package genai

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRows has every row of the table in genai-facts.md, dialect by dialect.
func TestRows(t *testing.T) {
	llm := map[string]any{"openinference.span.kind": "LLM"}
	for _, row := range []struct {
		from, to string
		value    any
		want     any
		with     map[string]any
	}{
		{"gen_ai.system", "gen_ai.provider.name", "openai", "openai", nil},
		{"llm.provider", "gen_ai.provider.name", "openai", "openai", llm},
		{"metadata", "gen_ai.provider.name", `{"ls_provider": "amazon_bedrock"}`, "aws.bedrock", llm},
		{"gen_ai.system", "gen_ai.provider.name", "OpenAI", "openai", nil},
		{"metadata", "gen_ai.request.model", `{"ls_model_name": "gpt-4o"}`, "gpt-4o", llm},
		{"llm.model_name", "gen_ai.request.model", "gpt-4o", "gpt-4o", llm},
		{"llm.model_name", "gen_ai.response.model", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06",
			map[string]any{"openinference.span.kind": "LLM", "metadata": `{"ls_model_name": "gpt-4o"}`}},
		{"llm.model_name", "gen_ai.response.model", "gpt-4o", nil,
			map[string]any{"openinference.span.kind": "LLM", "metadata": `{"ls_model_name": "gpt-4o"}`}},
		{"llm.token_count.prompt", "gen_ai.usage.input_tokens", 7, int64(7), llm},
		{"llm.token_count.completion", "gen_ai.usage.output_tokens", 7, int64(7), llm},
		{"gen_ai.usage.prompt_tokens", "gen_ai.usage.input_tokens", "7", int64(7), nil},
		{"gen_ai.usage.completion_tokens", "gen_ai.usage.output_tokens", 7.0, int64(7), nil},
		{"llm.token_count.prompt_details.cache_read", "gen_ai.usage.cache_read.input_tokens", 7, int64(7), llm},
		{"gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read.input_tokens", 7, int64(7), nil},
		{"gen_ai.usage.prompt_tokens_details.cached_tokens", "gen_ai.usage.cache_read.input_tokens", 7, int64(7), nil},
		{"llm.token_count.prompt_details.cache_write", "gen_ai.usage.cache_creation.input_tokens", 7, int64(7), llm},
		{"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens", 7, int64(7), nil},
		{"gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_creation.input_tokens", 7, int64(7), nil},
		{"gen_ai.usage.prompt_tokens_details.cache_creation_tokens", "gen_ai.usage.cache_creation.input_tokens", 7, int64(7), nil},
		{"llm.token_count.completion_details.reasoning", "gen_ai.usage.reasoning.output_tokens", 7, int64(7), llm},
		{"gen_ai.usage.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens", 7, int64(7), nil},
		{"gen_ai.usage.completion_tokens_details.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens", 7, int64(7), nil},
		{"llm.finish_reason", "gen_ai.response.finish_reasons", "stop", []any{"stop"}, llm},
		{"gen_ai.response.finish_reason", "gen_ai.response.finish_reasons", `["stop", "length"]`, []any{"stop", "length"}, nil},
		{"gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk", 0.25, 0.25, nil},
		{"tool.name", "gen_ai.tool.name", "search", "search", map[string]any{"openinference.span.kind": "TOOL"}},
		{"traceloop.entity.name", "gen_ai.tool.name", "search", "search", map[string]any{"traceloop.span.kind": "tool"}},
		{"traceloop.entity.name", "gen_ai.agent.name", "planner", "planner", map[string]any{"traceloop.span.kind": "agent"}},
		{"metadata", "gen_ai.agent.name", `{"lc_agent_name": "planner"}`, "planner", llm},
		{"session.id", "gen_ai.conversation.id", "s-1", "s-1", nil},
		{"traceloop.association.properties.session_id", "gen_ai.conversation.id", "s-1", "s-1", nil},
		{"traceloop.association.properties.thread_id", "gen_ai.conversation.id", "s-1", "s-1", nil},
		{"traceloop.association.properties.user_id", "user.id", "u-1", "u-1", nil},
		{"gen_ai.request.user", "user.id", "u-1", "u-1", nil},
		{"llm.cost.total", "otelgate.cost.usd", 0.5, 0.5, llm},
		{"gen_ai.usage.cost", "otelgate.cost.usd", "0.5", 0.5, map[string]any{"gen_ai.operation.name": "chat"}},
	} {
		t.Run(row.from+" to "+row.to, func(t *testing.T) {
			with := map[string]any{row.from: row.value}
			for name, value := range row.with {
				with[name] = value
			}
			got := newGate(t).attributes(t, span{name: "a", id: 1, with: with})
			require.Equal(t, row.want, got[row.to])
			if row.want != nil && row.from != "metadata" && row.from != "session.id" {
				require.NotContains(t, got, row.from)
			}
		})
	}
}

func TestOperations(t *testing.T) {
	oi := "openinference.span.kind"
	for _, one := range []struct {
		what      string
		span      span
		operation any
		name      string
	}{
		{"a tool whose name says agent", span{name: "ask_agent_desk", with: map[string]any{oi: "AGENT", "tool.name": "ask_agent_desk"}},
			"execute_tool", "execute_tool ask_agent_desk"},
		{"a model whose name says agent", span{name: "AgentModel", with: map[string]any{oi: "AGENT", "llm.model_name": "gpt-4o"}},
			"chat", "chat gpt-4o"},
		{"a retriever whose name says agent", span{name: "agent docs", with: map[string]any{oi: "AGENT", "metadata": `{"ls_retriever_name": "agentdocs"}`}},
			"retrieval", "retrieval agentdocs"},
		{"create_agent with a name", span{name: "billing_bot", with: map[string]any{oi: "CHAIN", "metadata": `{"lc_agent_name": "billing_bot"}`}},
			"invoke_agent", "invoke_agent billing_bot"},
		{"create_agent inside a graph", span{name: "billing_bot", with: map[string]any{oi: "CHAIN", "metadata": `{"lc_agent_name": "billing_bot", "langgraph_node": "work"}`}},
			"invoke_agent", "invoke_agent billing_bot"},
		{"create_agent run under another name", span{name: "nightly", with: map[string]any{oi: "CHAIN", "metadata": `{"lc_agent_name": "billing_bot"}`}},
			"invoke_agent", "invoke_agent billing_bot"},
		{"a step of an agent", span{name: "model", with: map[string]any{oi: "CHAIN", "metadata": `{"lc_agent_name": "billing_bot", "langgraph_node": "model"}`}},
			nil, "model"},
		{"a step whose name says agent", span{name: "to_agent", with: map[string]any{oi: "AGENT", "metadata": `{"langgraph_node": "model"}`}},
			nil, "to_agent"},
		{"an agent of another framework", span{name: "Assistant", with: map[string]any{oi: "AGENT"}}, "invoke_agent", "invoke_agent Assistant"},
		{"an embedding", span{name: "CreateEmbeddings", with: map[string]any{oi: "EMBEDDING", "embedding.model_name": "e-1"}}, "embeddings", "embeddings e-1"},
		{"Traceloop's workflow", span{name: "trip.workflow", with: map[string]any{"traceloop.span.kind": "workflow", "gen_ai.operation.name": "invoke_agent", "traceloop.workflow.name": "trip"}},
			"invoke_workflow", "invoke_workflow trip"},
		{"a completion of old", span{name: "openai.completion", with: map[string]any{"llm.request.type": "completion", "gen_ai.request.model": "g"}},
			"text_completion", "text_completion g"},
		{"the conventions' own", span{name: "chat g", with: map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "g"}}, "chat", "chat g"},
		{"a placeholder for a model", span{name: "chat unknown", with: map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "unknown"}}, "chat", "chat"},
		{"an operation of one's own", span{name: "execute_task x", with: map[string]any{"gen_ai.operation.name": "execute_task"}}, "execute_task", "execute_task x"},
		{"no GenAI at all", span{name: "GET /", with: map[string]any{"http.request.method": "GET", "tool.name": "hammer", "metadata": "{}"}}, nil, "GET /"},
	} {
		t.Run(one.what, func(t *testing.T) {
			one.span.id = 1
			got := newGate(t).send(t, one.span)[0]
			require.Equal(t, one.operation, got.Attributes().AsRaw()["gen_ai.operation.name"])
			require.Equal(t, one.name, got.Name())
		})
	}
}

func TestCanonicalNamesPassUnchanged(t *testing.T) {
	with := map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
		"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.usage.input_tokens": int64(10), "gen_ai.usage.output_tokens": int64(5),
		"gen_ai.response.finish_reasons": []any{"stop"}, "gen_ai.agent.name": "a", "gen_ai.conversation.id": "c",
		"gen_ai.request.stream": true, "gen_ai.input.messages": "[]", "otelgate.tier": "pro", "otelgate.feature": "search",
	}
	got := newGate(t).attributes(t, span{name: "chat gpt-4o", id: 1, with: with})
	for name, value := range with {
		require.Equal(t, value, got[name], name)
	}
	require.Len(t, got, len(with)+4, "cost, status, version, time of receipt: %v", got)
}

func TestKeepOriginals(t *testing.T) {
	g := newGate(t, func(c *Config) { c.KeepOriginals = true })
	with := map[string]any{"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 3}
	got := g.attributes(t, span{name: "a", id: 1, with: with})
	require.Equal(t, "gpt-4o", got["gen_ai.request.model"])
	require.Equal(t, "gpt-4o", got["llm.model_name"])
	require.Equal(t, "LLM", got["openinference.span.kind"])
	require.Equal(t, int64(3), got["llm.token_count.prompt"])
}

func TestValuesThatCannotBeReadStay(t *testing.T) {
	for _, value := range []any{"many", -3, 2.5, true, "", "NaN"} {
		got := newGate(t).attributes(t, span{name: "a", id: 1, with: map[string]any{"gen_ai.usage.prompt_tokens": value}})
		require.NotContains(t, got, "gen_ai.usage.input_tokens", value)
		require.Contains(t, got, "gen_ai.usage.prompt_tokens", value)
	}
}

func TestTotalsIncludeTheirParts(t *testing.T) {
	got := newGate(t).attributes(t, span{name: "a", id: 1, with: map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2,
		"gen_ai.usage.cache_read.input_tokens": 100, "gen_ai.usage.reasoning.output_tokens": 5,
	}})
	require.Equal(t, int64(110), got["gen_ai.usage.input_tokens"])
	require.Equal(t, int64(7), got["gen_ai.usage.output_tokens"])
}

func TestTimeToFirstChunkAndRate(t *testing.T) {
	chat := func(with map[string]any) map[string]any {
		with["gen_ai.operation.name"], with["gen_ai.usage.output_tokens"] = "chat", 30
		return with
	}
	for _, one := range []struct {
		what        string
		span        span
		first, rate any
	}{
		{"the attribute", span{to: 2, with: chat(map[string]any{"gen_ai.response.time_to_first_chunk": 0.5})}, 0.5, 20.0},
		{"the SDK's event", span{to: 2, with: chat(map[string]any{}), events: map[string]float64{"otelgate.llm.first_chunk": 0.5}}, 0.5, 20.0},
		{"OpenInference's event", span{to: 2, with: chat(map[string]any{}), events: map[string]float64{"First Token Stream Event": 0.5}}, 0.5, 20.0},
		{"Traceloop's event", span{to: 2, with: chat(map[string]any{}), events: map[string]float64{"llm.content.completion.chunk": 0.5}}, 0.5, 20.0},
		{"OpenLIT's attribute", span{to: 2, with: chat(map[string]any{"gen_ai.server.time_to_first_token": 0.5})}, 0.5, 20.0},
		{"OpenLIT's attribute where nothing streamed", span{to: 2, with: chat(map[string]any{"gen_ai.server.time_to_first_token": 1.999})}, nil, nil},
		{"everything in one chunk", span{to: 2, with: chat(map[string]any{"gen_ai.response.time_to_first_chunk": 2.0})}, nil, nil},
		{"what the instrumentor says that the call took", span{to: 2, with: chat(map[string]any{"gen_ai.server.time_to_first_token": 1.6,
			"gen_ai.client.operation.duration": 1.6})}, nil, nil},
		{"a rate of the application's own", span{to: 2, with: chat(map[string]any{"otelgate.llm.output_rate": -5.0})}, nil, nil},
		{"an event before the start", span{from: 1, to: 2, with: chat(map[string]any{}), events: map[string]float64{"First Token Stream Event": 0.5}}, nil, nil},
	} {
		t.Run(one.what, func(t *testing.T) {
			one.span.id = 1
			got := newGate(t).attributes(t, one.span)
			require.Equal(t, one.first, got["gen_ai.response.time_to_first_chunk"])
			require.Equal(t, one.rate, got["otelgate.llm.output_rate"])
		})
	}
}

func TestErrorType(t *testing.T) {
	chat := map[string]any{"gen_ai.operation.name": "chat"}
	for _, one := range []struct {
		what string
		span span
		want any
	}{
		{"its own", span{failed: "x", with: map[string]any{"gen_ai.operation.name": "chat", "error.type": "429"}}, "429"},
		{"a repr in the status", span{failed: "openai.RateLimitError('slow down')Traceback …", with: chat}, "openai.RateLimitError"},
		{"a text that may be content", span{failed: "Dear Anna: (no)", with: chat}, "_OTHER"},
		{"a word that is no error", span{failed: "Anna: no", with: chat}, "_OTHER"},
		{"no text", span{failed: " ", with: chat}, "_OTHER"},
		{"no error", span{with: chat}, nil},
		{"no GenAI", span{failed: "ValueError: x", with: map[string]any{"http.route": "/"}}, nil},
	} {
		t.Run(one.what, func(t *testing.T) {
			one.span.id = 1
			require.Equal(t, one.want, newGate(t).attributes(t, one.span)["error.type"])
		})
	}
}
