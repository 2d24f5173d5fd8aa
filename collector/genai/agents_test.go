package genai

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
)

func agentRun(id, parent byte, name string) span {
	return span{name: "invoke_agent " + name, id: id, parent: parent,
		with: map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}}
}

func TestAgentFromAnAncestorOfTheSameRequest(t *testing.T) {
	got := newGate(t).send(t, provider(5, 4), toolRun(4, 3), chain(3, 2), agentRun(2, 1, "clerk"), agentRun(1, 0, "router"))
	require.Equal(t, "clerk", got[0].Attributes().AsRaw()[agentName])
	require.Equal(t, "clerk", got[1].Attributes().AsRaw()[agentName])
	require.NotContains(t, got[2].Attributes().AsRaw(), agentName, "a chain isn't asked for its agent")
}

func TestAgentFromAnEarlierRequest(t *testing.T) {
	g := newGate(t)
	g.send(t, agentRun(1, 0, "router"))
	g.send(t, chain(2, 1))
	require.Equal(t, "router", g.attributes(t, provider(3, 2))[agentName])
}

func TestDoesNotWaitForLaterAgent(t *testing.T) {
	g := newGate(t)
	require.NotContains(t, g.attributes(t, provider(3, 1)), agentName)
	g.send(t, agentRun(1, 0, "router"))
	require.Equal(t, "router", g.attributes(t, toolRun(4, 1))[agentName])
}

func TestAgentOfTheSpanItselfComesFirst(t *testing.T) {
	own := provider(3, 1)
	own.with[agentName] = "concierge" // the SDK's baggage
	got := newGate(t).send(t, own, agentRun(1, 0, "router"))
	require.Equal(t, "concierge", got[0].Attributes().AsRaw()[agentName])
}

func TestAgentOfAnotherTrace(t *testing.T) {
	g := newGate(t)
	g.send(t, agentRun(1, 0, "router"))
	other := provider(3, 1)
	other.trace = 9
	require.NotContains(t, g.attributes(t, other), agentName)
}

func TestIndexIsBounded(t *testing.T) {
	g := newGate(t, func(c *Config) { c.Index.MaxSpans = 2 })
	g.send(t, agentRun(1, 0, "router"))
	g.send(t, chain(2, 1))
	g.send(t, chain(3, 1))
	require.Equal(t, 2, g.index.count)
	require.Len(t, g.index.byID, 2)
	require.NotContains(t, g.attributes(t, provider(4, 1)), agentName, "the agent is forgotten")
	require.Empty(t, g.index.agents.ids, "and so is its name")
	requireCounted(t, g, "otelgate.genai.index.evictions", attribute.String("reason", "full"), 3) // the call also took a place for its unknown parent
}

func TestIndexExpires(t *testing.T) {
	g := newGate(t)
	g.send(t, agentRun(1, 0, "router"))
	g.clock = g.clock.Add(10*time.Minute + time.Second)
	require.NotContains(t, g.attributes(t, provider(4, 1)), agentName)
	requireCounted(t, g, "otelgate.genai.index.evictions", attribute.String("reason", "expired"), 1)
}

func TestMoreSpansInARequestThanTheIndexHolds(t *testing.T) {
	g := newGate(t, func(c *Config) { c.Index.MaxSpans = 1 })
	got := g.send(t, provider(2, 1), framework(1, 9), agentRun(9, 0, "a"))
	require.Len(t, got, 3)
}

func TestOwnMetrics(t *testing.T) {
	g := newGate(t)
	g.send(t, agentRun(1, 0, "router"), provider(2, 1), framework(3, 2), toolRun(4, 7))
	requireCounted(t, g, "otelgate.genai.agents", attribute.String("source", "own"), 1)
	requireCounted(t, g, "otelgate.genai.agents", attribute.String("source", "index"), 2)
	requireCounted(t, g, "otelgate.genai.agents", attribute.String("source", "none"), 1)
	duplicates, err := g.telemetry.GetMetric("otelgate.genai.duplicates")
	require.NoError(t, err)
	require.Equal(t, int64(1), duplicates.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	size, err := g.telemetry.GetMetric("otelgate.genai.index.size")
	require.NoError(t, err)
	metricdatatest.AssertEqual(t, metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: int64(g.index.count)}}},
		size.Data.(metricdata.Gauge[int64]), metricdatatest.IgnoreTimestamp())
}

func requireCounted(t *testing.T, g *gate, name string, word attribute.KeyValue, want int64) {
	t.Helper()
	found, err := g.telemetry.GetMetric(name)
	require.NoError(t, err)
	for _, point := range found.Data.(metricdata.Sum[int64]).DataPoints {
		if value, ok := point.Attributes.Value(word.Key); !word.Valid() || ok && value == word.Value {
			require.Equal(t, want, point.Value, word)
			return
		}
	}
	require.Failf(t, "no data point", "%s %v", name, word)
}

// TestConcurrentRequests is for the race detector.
func TestConcurrentRequests(t *testing.T) {
	g := newGate(t, func(c *Config) { c.Index.MaxSpans = 50 })
	var all sync.WaitGroup
	for worker := range byte(8) {
		all.Go(func() {
			for i := range byte(50) {
				one := request(provider(i+1, worker), agentRun(worker, i, "a"), framework(200, i))
				require.NoError(t, g.ConsumeTraces(context.Background(), one))
			}
		})
	}
	all.Wait()
	require.Len(t, g.sink.AllTraces(), 400)
}

// TestWorkflowIsNotAnAgent: Traceloop names every workflow as an agent, and an agent's run is above it.
func TestWorkflowIsNotAnAgent(t *testing.T) {
	workflow := span{name: "chain.workflow", id: 2, parent: 1, with: map[string]any{
		"traceloop.span.kind": "workflow", "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "RunnableLambda"}}
	got := newGate(t).send(t, provider(3, 2), workflow, agentRun(1, 0, "concierge"))
	require.Equal(t, "concierge", got[0].Attributes().AsRaw()[agentName])
}

func chainOf(name, metadata string, with map[string]any) span {
	all := map[string]any{"openinference.span.kind": "CHAIN", "metadata": metadata}
	for key, value := range with {
		all[key] = value
	}
	return span{name: name, id: 1, with: all}
}

func TestCompiledGraphIsAgentByName(t *testing.T) {
	const graph = `{"ls_integration": "langgraph"}`
	for _, one := range []struct {
		what  string
		chain span
		want  any
	}{
		{"a named one", chainOf("planner", graph, nil), "planner"},
		{"the default name", chainOf("LangGraph", graph, nil), "LangGraph"},
		{"of create_agent, without a name", chainOf("LangGraph", `{"ls_integration": "langchain_create_agent"}`, nil), "LangGraph"},
		{"told by the SDK", chainOf("planner", graph, map[string]any{operationName: "invoke_agent", agentName: "planner"}), "planner"},
		{"inside of an agent of its name", chainOf("planner", graph, map[string]any{agentName: "planner"}), nil},
		{"told by the SDK, inside of another agent", chainOf("weather", `{"ls_integration": "langgraph", "langgraph_node": "tools", "lc_agent_name": "clerk"}`,
			map[string]any{operationName: "invoke_agent", agentName: "weather"}), "weather"},
		{"another script", chainOf("天気 エージェント", graph, nil), "天気 エージェント"},
		{"inside of an agent of another name", chainOf("planner", graph, map[string]any{agentName: "boss"}), nil},
		{"a step", chainOf("model", `{"ls_integration": "langgraph", "langgraph_node": "model"}`, nil), nil},
		{"a plain chain", chainOf("RunnableSequence", `{"plan": "pro"}`, nil), nil},
	} {
		t.Run(one.what, func(t *testing.T) {
			got := newGate(t).attributes(t, one.chain)
			if one.want == nil {
				require.NotContains(t, got, operationName)
				return
			}
			require.Equal(t, operationInvokeAgent, got[operationName])
			require.Equal(t, one.want, got[agentName])
			require.Contains(t, got, runReceivedAt, "it is a run")
		})
	}
}

func TestLangSmithRetrieversAreNotModelCalls(t *testing.T) {
	got := newGate(t).attributes(t, span{name: "docs", id: 1, with: map[string]any{
		"langsmith.span.kind": "retriever", operationName: "embeddings"}})
	require.Equal(t, operationRetrieval, got[operationName])
	require.NotContains(t, got, costStatus)
}

func TestUserAndSessionFromLangChainsMetadata(t *testing.T) {
	got := newGate(t).attributes(t, chainOf("planner", `{"user_id": "u-1", "thread_id": "t-1"}`, nil))
	require.Equal(t, "u-1", got["user.id"])
	require.Equal(t, "t-1", got["gen_ai.conversation.id"])
	own := newGate(t).attributes(t, chainOf("planner", `{"user_id": "u-1", "thread_id": "t-1"}`, map[string]any{"user.id": "u-2", "session.id": "s-2"}))
	require.Equal(t, "u-2", own["user.id"])
	require.Equal(t, "s-2", own["gen_ai.conversation.id"])
}

// step is a span of LangGraph within a node: the node's own where it has the node's name.
func step(id, parent byte, name, node, place string) span {
	return span{name: name, id: id, parent: parent, with: map[string]any{"openinference.span.kind": "CHAIN",
		"metadata": `{"langgraph_node": "` + node + `", "langgraph_checkpoint_ns": "` + place + `"}`}}
}

func outer(id byte, name string) span {
	return span{name: name, id: id, with: map[string]any{"openinference.span.kind": "CHAIN", "metadata": `{"plan": "pro"}`}}
}

func inNode(s span, node, place string) span {
	s.with["metadata"] = `{"langgraph_node": "` + node + `", "langgraph_checkpoint_ns": "` + place + `"}`
	return s
}

func TestRecognizesGraphByItsNodes(t *testing.T) {
	g := newGate(t)
	g.send(t, step(3, 2, "model", "model", "model:1"))
	got := g.send(t, outer(2, "planner"))[0]
	require.Equal(t, "invoke_agent planner", got.Name())
	require.Equal(t, operationInvokeAgent, got.Attributes().AsRaw()[operationName])
	require.Equal(t, "planner", got.Attributes().AsRaw()[agentName])
	require.Contains(t, got.Attributes().AsRaw(), runReceivedAt)
	require.Equal(t, "planner", g.attributes(t, provider(4, 2))[agentName])
}

func TestGraphCalledByToolIsNearestAgent(t *testing.T) {
	call := provider(6, 5)
	got := newGate(t).send(t,
		call,
		step(5, 4, "look", "look", "tools:1|look:2"), // a node of the inner graph
		inNode(outer(4, "weather"), "tools", "tools:1"),
		inNode(toolRun(3, 2), "tools", "tools:1"),
		step(2, 1, "tools", "tools", "tools:1"),
		outer(1, "planner"))
	agents := map[string]any{}
	for _, one := range got {
		agents[one.Name()] = one.Attributes().AsRaw()[agentName]
	}
	require.Equal(t, map[string]any{"chat gpt-4o": "weather", "look": nil, "invoke_agent weather": "weather",
		"execute_tool t": "planner", "tools": nil, "invoke_agent planner": "planner"}, agents)
}

func TestChainsWithinNodeAreNotGraphs(t *testing.T) {
	got := newGate(t).send(t, step(4, 3, "parse", "model", "model:1"), step(3, 2, "RunnableSequence", "model", "model:1"), step(2, 1, "model", "model", "model:1"))
	for _, one := range got {
		require.NotContains(t, one.Attributes().AsRaw(), operationName, one.Name())
	}
}

func TestUnnamedInnerGraphIsNotAnAgent(t *testing.T) {
	got := newGate(t).send(t, step(3, 2, "look", "look", "tools:1|look:2"), inNode(outer(2, "LangGraph"), "tools", "tools:1"))
	require.NotContains(t, got[1].Attributes().AsRaw(), operationName)
}
