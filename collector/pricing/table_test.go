package pricing

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	table := open(t, Options{})
	tests := []struct {
		name string
		call Call
		want Price
	}{
		{"an unlisted model", Call{Provider: "openai", Model: "qwen2.5-14b", InputTokens: 10}, Price{Status: Unpriced}},
		{"no model", Call{Provider: "openai", InputTokens: 10}, Price{Status: Unpriced}},
		{"nothing known", Call{InputTokens: 10}, Price{Status: Unpriced}},
		{"a failed call", Call{Provider: "openai", Model: "gpt-4o"}, Price{Status: NoTokens}},
		{"a failed call of an unknown model", Call{Provider: "openai", Model: "none"}, Price{Status: NoTokens}},
		{"negative counts", Call{Provider: "openai", Model: "gpt-4o", InputTokens: -5, OutputTokens: -1}, Price{Status: NoTokens}},
		{"not a number", Call{Provider: "openai", Model: "whisper-1", AudioSeconds: math.NaN()}, Price{Status: NoTokens}},
		{"only tokens, of a model priced by the minute", Call{Provider: "openai", Model: "whisper-1", InputTokens: 10}, Price{Status: Unpriced}},
		{"a local model", Call{Provider: "Ollama", Model: "llama3.3:70b", InputTokens: 10}, Price{Status: Priced}},
		{"a local model without tokens", Call{Provider: "llama.cpp"}, Price{Status: Priced}},
		{"a local model behind a proxy", Call{Provider: "litellm", Model: "ollama/llama3", InputTokens: 10}, Price{Status: Priced}},
		{"a model that the list has as free", Call{Provider: "openrouter", Model: "openai/gpt-oss-20b:free", InputTokens: 10}, Price{Status: Priced}},
		{"a name too long for a model", Call{Provider: "anthropic", Model: "claude-3-haiku" + strings.Repeat("x", maxName), InputTokens: 10}, Price{Status: Unpriced}},
		{"a price a request", Call{Provider: "perplexity", Model: "sonar", InputTokens: 1_000_000}, Price{Status: Priced, USD: 1 + 0.012}},
	}
	for _, test := range tests {
		test.want.Version = "genai-prices/0.2.3"
		if got := table.Price(test.call); got != test.want {
			t.Errorf("%s: %+v, expected %+v", test.name, got, test.want)
		}
	}
}

// A thousand input tokens of each model cost differently at each provider, so the cost tells which was found.
func TestNames(t *testing.T) {
	table := open(t, Options{})
	tests := []struct {
		provider, model string
		usd             float64
	}{
		{"openai", "gpt-4o", 0.0025},
		{"OpenAI", " GPT-4o ", 0.0025},
		{"openai", "gpt-4o-20240806", 0.0025}, // a compact date
		{"openai", "openai/gpt-4o", 0.0025},
		{"", "gpt-4o", 0.0025},
		{"langchain", "gpt-4o", 0.0025},
		{"some-proxy", "gpt-4o", 0.0025},
		{"litellm", "openai/gpt-4o", 0.0025},
		{"azure", "gpt-4o", 0.0025},
		{"azure.ai.inference", "gpt-4o", 0.0025},
		{"az.ai.openai", "gpt-4o", 0.0025},
		{"anthropic", "claude-3-5-sonnet-20241022", 0.003},
		{"openai", "claude-3-5-sonnet-20241022", 0.003}, // spoken to as OpenAI is
		{"aws.bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", 0.003},
		{"amazon_bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", 0.003},
		{"aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0", 0.003},
		{"google_anthropic_vertex", "claude-3-5-sonnet@20240620", 0.003},
		{"gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", 0.0003},
		{"gcp.gen_ai", "gemini-2.5-flash", 0.0003},
		{"google_vertexai", "gemini-2.5-flash", 0.0003},
		{"mistral_ai", "mistral-large-2411", 0.002},
		{"mistralai", "mistral-large-latest", 0.002},
		{"x_ai", "grok-3", 0.003},
		{"xai", "grok-3", 0.003},
		{"groq", "llama-3.3-70b-versatile", 0.00059},
		{"perplexity", "sonar", 0.001 + 0.012},
		{"cohere", "command-r-plus-08-2024", 0.0025},
		{"groq", "gpt-4o", 0}, // not sold there
	}
	for _, test := range tests {
		got := table.Price(Call{Provider: test.provider, Model: test.model, At: on("2026-03-01"), InputTokens: 1000})
		if math.Abs(got.USD-test.usd) > 1e-12 || (got.Status == Priced) != (test.usd > 0) {
			t.Errorf("%q %q: %+v, expected %v USD", test.provider, test.model, got, test.usd)
		}
	}
}

// No aliased provider may be priced as another: azure.ai.openai contains openai, whose own rule would take it.
func TestProviderNames(t *testing.T) {
	book := open(t, Options{}).now.Load().book
	for name, want := range map[string]string{
		"openai": "openai", "anthropic": "anthropic", "cohere": "cohere", "groq": "groq", "deepseek": "deepseek",
		"perplexity": "perplexity", "azure.ai.openai": "azure", "azure.ai.inference": "azure", "aws.bedrock": "aws",
		"gcp.vertex_ai": "google", "gcp.gemini": "google", "gcp.gen_ai": "google", "mistral_ai": "mistral", "x_ai": "x-ai",
	} {
		if at, _ := book.provider(name); at == nil || at.id != want {
			t.Errorf("%s: %v, expected %s", name, at, want)
		}
	}
}

// Parts of a whole are never counted twice, and a contradictory usage is read as parts in addition to the whole.
func TestParts(t *testing.T) {
	table := open(t, Options{})
	base := Call{Provider: "anthropic", Model: "claude-sonnet-4-20250514", At: on("2025-06-01")} // 3, 3.75, 0.30, 15
	tests := []struct {
		name string
		set  func(*Call)
		usd  float64
	}{
		{"all cached", func(c *Call) { c.InputTokens, c.CacheReadTokens = 1000, 1000 }, 1000 * 0.30e-6},
		{"cached in addition to the input", func(c *Call) { c.InputTokens, c.CacheReadTokens, c.CacheWriteTokens = 10, 1000, 100 }, 10*3e-6 + 1000*0.30e-6 + 100*3.75e-6},
		{"an hour's writes that the writes leave out", func(c *Call) { c.InputTokens, c.CacheWrite1hTokens = 100, 100 }, 100 * 6e-6},
		{"reasoning in addition to the output", func(c *Call) { c.OutputTokens, c.ReasoningTokens = 10, 90 }, 100 * 15e-6},
		{"reasoning in the output", func(c *Call) { c.OutputTokens, c.ReasoningTokens = 100, 90 }, 100 * 15e-6},
		{"an audio that no price is given for", func(c *Call) { c.InputTokens, c.InputAudioTokens = 100, 90 }, 100 * 3e-6},
	}
	for _, test := range tests {
		call := base
		test.set(&call)
		if got := table.Price(call); got.Status != Priced || math.Abs(got.USD-test.usd) > 1e-12 {
			t.Errorf("%s: %+v, expected %v USD", test.name, got, test.usd)
		}
	}
}

func TestUnsetTimeIsNow(t *testing.T) {
	table := open(t, Options{})
	for _, unset := range []time.Time{{}, time.Unix(0, 0)} {
		call := Call{Provider: "openai", Model: "o3", At: unset, InputTokens: 1_000_000} // 10 USD before June 2025, 2 since
		if got := table.Price(call); got.USD != 2 {
			t.Errorf("%v: %+v, expected 2 USD", unset, got)
		}
	}
}

// Every unit that prices.json uses is a field of Call: checked when it is read.
func TestCallHasFieldForEachUnit(t *testing.T) {
	_, known := shipped()
	if len(known.byPrice) != unitCount {
		t.Errorf("%d units in prices.json, %d in Call", len(known.byPrice), unitCount)
	}
}

func TestCacheIsBounded(t *testing.T) {
	table := open(t, Options{})
	for i := range 3 * cacheSize {
		table.Price(Call{Provider: "openai", Model: fmt.Sprintf("made-up-%d", i), InputTokens: 1})
		if size := len(table.now.Load().entries.known); size > cacheSize {
			t.Fatalf("%d entries, expected at most %d", size, cacheSize)
		}
	}
	if got := table.Price(Call{Provider: "openai", Model: "gpt-4o", At: on("2025-03-01"), InputTokens: 1000}); got.USD != 0.0025 {
		t.Errorf("after the flood: %+v", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	table := open(t, Options{})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 500 {
				call := Call{Provider: "openai", Model: "gpt-4o", At: on("2025-03-01"), InputTokens: 1000}
				if i%2 == 0 {
					call.Model = fmt.Sprintf("model-%d-%d", worker, i)
				}
				if got := table.Price(call); i%2 == 1 && got.USD != 0.0025 {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	all.Wait()
}

// FuzzPrice: for any telemetry there is a status, and a cost that can be summed.
func FuzzPrice(f *testing.F) {
	table := open(f, Options{})
	for _, test := range byHand {
		c := test.call
		f.Add(c.Provider, c.Model, c.ServiceTier, c.At.UnixNano(), c.InputTokens, c.OutputTokens, c.CacheReadTokens, c.ReasoningTokens, c.AudioSeconds)
	}
	f.Add("", "", "", int64(0), int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64), int64(-1), math.Inf(1))
	f.Add("litellm", "a/b/c", "batch", int64(math.MinInt64), int64(1), int64(1), int64(2), int64(3), math.NaN())
	f.Fuzz(func(t *testing.T, provider, model, tier string, at, input, output, cached, reasoning int64, seconds float64) {
		call := Call{
			Provider: provider, Model: model, ServiceTier: tier, At: time.Unix(0, at),
			InputTokens: input, OutputTokens: output, CacheReadTokens: cached, CacheWriteTokens: reasoning,
			ReasoningTokens: reasoning, InputAudioTokens: cached, CacheReadAudioTokens: output, CacheWrite1hTokens: output,
			AudioSeconds: seconds, WebSearches: output,
		}
		got := table.Price(call)
		if math.IsNaN(got.USD) || math.IsInf(got.USD, 0) || got.USD < 0 {
			t.Errorf("%+v: %+v", call, got)
		}
		if got.Status != Priced && got.USD != 0 || got.Status != Priced && got.Status != Unpriced && got.Status != NoTokens {
			t.Errorf("%+v: %+v", call, got)
		}
		if again := table.Price(call); again != got {
			t.Errorf("%+v: %+v, then %+v", call, got, again)
		}
	})
}
