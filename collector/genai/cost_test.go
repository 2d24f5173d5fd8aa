package genai

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"otelgate/collector/pricing"
)

func chatCall(model, response string, input, output int, with map[string]any) span {
	all := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": model,
		"gen_ai.usage.input_tokens": input, "gen_ai.usage.output_tokens": output}
	if response != "" {
		all["gen_ai.response.model"] = response
	}
	for name, value := range with {
		all[name] = value
	}
	return span{name: "x", id: 1, with: all}
}

func TestCost(t *testing.T) {
	for _, one := range []struct {
		what                 string
		span                 span
		usd, status, version any
	}{
		{"priced by the response's model", chatCall("alias", "gpt-4o", 1_000_000, 0, nil), 1.0, "priced", "test"},
		{"else by the request's", chatCall("gpt-4o", "deployment-7", 1_000_000, 0, nil), 1.0, "priced", "test"},
		{"cached tokens at their rate", chatCall("gpt-4o", "", 1_000_000, 0, map[string]any{"gen_ai.usage.cache_read.input_tokens": 1_000_000}), 0.1, "priced", "test"},
		{"unpriced", chatCall("llama", "", 10, 10, nil), nil, "unpriced", "test"},
		{"no tokens", chatCall("gpt-4o", "", 0, 0, nil), nil, "no_tokens", "test"},
		{"reported, where there is no price", chatCall("llama", "", 10, 10, map[string]any{"gen_ai.usage.cost": 0.5}), 0.5, "priced", "reported"},
		{"reported, where there is a price", chatCall("gpt-4o", "", 1_000_000, 0, map[string]any{"gen_ai.usage.cost": 0.5}), 1.0, "priced", "test"},
		{"reported as nothing", chatCall("llama", "", 10, 10, map[string]any{"gen_ai.usage.cost": 0.0}), nil, "unpriced", "test"},
		{"no model at all", chatCall("", "", 10, 10, nil), nil, "unpriced", "test"},
	} {
		t.Run(one.what, func(t *testing.T) {
			got := newGate(t).attributes(t, one.span)
			if one.usd == nil {
				require.NotContains(t, got, costUSD)
			} else {
				require.InDelta(t, one.usd, got[costUSD], 1e-12)
			}
			require.Equal(t, one.status, got[costStatus])
			require.Equal(t, one.version, got[costPriceVersion])
			require.NotContains(t, got, "gen_ai.usage.cost")
		})
	}
}

func TestOnlyModelCallsCost(t *testing.T) {
	run := agentRun(1, 0, "router")
	run.with["gen_ai.usage.input_tokens"] = 1_000_000
	run.with["gen_ai.request.model"] = "gpt-4o"
	run.with["gen_ai.usage.cost"] = 3.0
	got := newGate(t).attributes(t, run)
	require.NotContains(t, got, costUSD)
	require.NotContains(t, got, costStatus)
	require.Equal(t, 3.0, got["gen_ai.usage.cost"])
}

type remember struct{ calls []pricing.Call }

func (r *remember) Price(c pricing.Call) pricing.Price {
	r.calls = append(r.calls, c)
	return pricing.Price{Status: pricing.Unpriced}
}

func TestPriceCallHasUsageAndModel(t *testing.T) {
	g := newGate(t)
	asked := &remember{}
	g.prices = asked
	g.send(t, chatCall("a", "b", 100, 50, map[string]any{
		"gen_ai.system": "OpenAI", "gen_ai.usage.cache_read.input_tokens": 40, "gen_ai.usage.cache_creation.input_tokens": 10,
		"gen_ai.usage.reasoning.output_tokens": 7, "gen_ai.usage.audio.input_tokens": 1, "gen_ai.usage.audio.output_tokens": 2,
		"gen_ai.usage.image.input_tokens": 3, "gen_ai.usage.image.output_tokens": 4, "openai.response.service_tier": "flex",
		"otelgate.usage.cache_write_1h.input_tokens": 4,
	}))
	want := pricing.Call{
		Provider: "openai", Model: "b", At: time.Unix(1_767_323_045, 0).UTC(), ServiceTier: "flex",
		InputTokens: 100, OutputTokens: 50, CacheReadTokens: 40, CacheWriteTokens: 10, CacheWrite1hTokens: 4, ReasoningTokens: 7,
		InputAudioTokens: 1, OutputAudioTokens: 2, InputImageTokens: 3, OutputImageTokens: 4,
	}
	second := want
	second.Model = "a"
	require.Equal(t, []pricing.Call{want, second}, asked.calls)
}

// TestPricesCachedAnthropicCalls: what langchain-anthropic counts, with the shipped prices. 3 USD in, 0.30 read,
// 3.75 written for 5 minutes, 6 for an hour, 15 out, each a million.
func TestPricesCachedAnthropicCalls(t *testing.T) {
	table, err := pricing.Open(pricing.Options{Telemetry: componenttest.NewNopTelemetrySettings()})
	require.NoError(t, err)
	defer func() { require.NoError(t, table.Close()) }()
	for hour, usd := range map[int]float64{0: 0.03915, 10_000: 0.06165, 4_000: 0.04815} {
		g := newGate(t)
		g.prices = table
		got := g.attributes(t, span{name: "ChatAnthropic", id: 1, with: map[string]any{
			"openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5", "llm.provider": "anthropic",
			"llm.token_count.prompt": 12_100, "llm.token_count.completion": 50,
			"llm.token_count.prompt_details.cache_read": 2_000, "llm.token_count.prompt_details.cache_write": 10_000,
			"otelgate.usage.cache_write_1h.input_tokens": hour,
		}})
		require.InDelta(t, usd, got[costUSD], 1e-9, hour)
	}
}
