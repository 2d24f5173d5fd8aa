package pricing

import (
	"math"
	"testing"
	"time"
)

func on(day string) time.Time {
	at, err := time.Parse(time.RFC3339, day+"T12:00:00Z")
	if err != nil {
		panic(err)
	}
	return at
}

// Twenty costs worked by hand from the providers' published price lists, in USD per million tokens unless it says
// otherwise. Each case shows its arithmetic; none of it comes from prices.json.
var byHand = []struct {
	name string
	call Call
	usd  float64
}{
	{"OpenAI gpt-4o: 2.50 in, 1.25 cached, 10 out",
		// 6,000×2.50 + 4,000×1.25 + 500×10 = 15,000 + 5,000 + 5,000 = 25,000 per million
		Call{Provider: "openai", Model: "gpt-4o-2024-08-06", At: on("2025-03-01"), InputTokens: 10_000, CacheReadTokens: 4_000, OutputTokens: 500}, 0.025},
	{"OpenAI gpt-4o-mini: 0.15 in, 0.60 out",
		// 1,000×0.15 + 1,000×0.60 = 150 + 600 = 750 per million
		Call{Provider: "openai", Model: "gpt-4o-mini", At: on("2025-03-01"), InputTokens: 1_000, OutputTokens: 1_000}, 0.00075},
	{"OpenAI gpt-4.1-mini: 0.40 in, 1.60 out; 300 of the 800 output tokens are reasoning, and paid once",
		// 2,500×0.40 + 800×1.60 = 1,000 + 1,280 = 2,280 per million
		Call{Provider: "openai", Model: "gpt-4.1-mini-2025-04-14", At: on("2025-06-01"), InputTokens: 2_500, OutputTokens: 800, ReasoningTokens: 300}, 0.00228},
	{"OpenAI o3 at its launch: 10 in, 40 out",
		// 1,000×10 + 2,000×40 = 10,000 + 80,000 = 90,000 per million
		Call{Provider: "openai", Model: "o3", At: on("2025-05-01"), InputTokens: 1_000, OutputTokens: 2_000}, 0.09},
	{"OpenAI o3 since 10 June 2025: 2 in, 8 out",
		// 1,000×2 + 2,000×8 = 2,000 + 16,000 = 18,000 per million
		Call{Provider: "openai", Model: "o3", At: on("2025-06-10"), InputTokens: 1_000, OutputTokens: 2_000}, 0.018},
	{"OpenAI o3, flex: 1 in, 4 out",
		// 1,000×1 + 2,000×4 = 1,000 + 8,000 = 9,000 per million
		Call{Provider: "openai", Model: "o3", ServiceTier: "flex", At: on("2026-11-01"), InputTokens: 1_000, OutputTokens: 2_000}, 0.009},
	{"OpenAI gpt-4o, batch, half of 2.50 in and 10 out",
		// 1,000,000×1.25 + 100,000×5 = 1,250,000 + 500,000 = 1,750,000 per million
		Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "batch", At: on("2026-11-01"), InputTokens: 1_000_000, OutputTokens: 100_000}, 1.75},
	{"OpenAI text-embedding-3-small: 0.02",
		// 8,000×0.02 = 160 per million
		Call{Provider: "openai", Model: "text-embedding-3-small", At: on("2025-03-01"), InputTokens: 8_000}, 0.00016},
	{"OpenAI whisper-1: 0.006 a minute",
		// 90 s = 1.5 min; 1.5×0.006
		Call{Provider: "openai", Model: "whisper-1", At: on("2025-03-01"), AudioSeconds: 90}, 0.009},
	{"Azure sells OpenAI's gpt-4o at OpenAI's prices: 2.50 in, 10 out",
		// 4,000×2.50 + 1,000×10 = 10,000 + 10,000 = 20,000 per million
		Call{Provider: "azure.ai.openai", Model: "gpt-4o-2024-11-20", At: on("2025-03-01"), InputTokens: 4_000, OutputTokens: 1_000}, 0.02},
	{"Anthropic Claude Sonnet 4: 3 in, 3.75 cache write, 0.30 cache read, 15 out",
		// 1,000×3 + 2,000×3.75 + 7,000×0.30 + 400×15 = 3,000 + 7,500 + 2,100 + 6,000 = 18,600 per million
		Call{Provider: "anthropic", Model: "claude-sonnet-4-20250514", At: on("2025-06-01"), InputTokens: 10_000, CacheWriteTokens: 2_000, CacheReadTokens: 7_000, OutputTokens: 400}, 0.0186},
	{"Anthropic Claude Opus 4.1: 15 in, 75 out; a cache kept for an hour is written at twice the input price",
		// 1,000×15 + 2,000×30 + 100×75 = 15,000 + 60,000 + 7,500 = 82,500 per million
		Call{Provider: "anthropic", Model: "claude-opus-4-1-20250805", At: on("2025-09-01"), InputTokens: 3_000, CacheWriteTokens: 2_000, CacheWrite1hTokens: 2_000, OutputTokens: 100}, 0.0825},
	{"Anthropic Claude Sonnet 4.5 above 200,000 input tokens: 6 in, 22.50 out, for all of them",
		// 250,000×6 + 2,000×22.50 = 1,500,000 + 45,000 = 1,545,000 per million
		Call{Provider: "anthropic", Model: "claude-sonnet-4-5-20250929", At: on("2025-11-01"), InputTokens: 250_000, OutputTokens: 2_000}, 1.545},
	{"Anthropic Claude Haiku 4.5, batch, half of 1 in and 5 out",
		// 10,000×0.50 + 1,000×2.50 = 5,000 + 2,500 = 7,500 per million
		Call{Provider: "anthropic", Model: "claude-haiku-4-5", ServiceTier: "batch", At: on("2026-11-01"), InputTokens: 10_000, OutputTokens: 1_000}, 0.0075},
	{"Google Gemini 2.5 Pro up to 200,000 input tokens: 1.25 in, 10 out",
		// 200,000×1.25 + 1,000×10 = 250,000 + 10,000 = 260,000 per million
		Call{Provider: "gcp.gemini", Model: "gemini-2.5-pro", At: on("2026-03-01"), InputTokens: 200_000, OutputTokens: 1_000}, 0.26},
	{"Google Gemini 2.5 Pro above: 2.50 in, 15 out, 0.25 cached",
		// 100,001×2.50 + 100,000×0.25 + 1,000×15 = 250,002.5 + 25,000 + 15,000 = 290,002.5 per million
		Call{Provider: "gcp.vertex_ai", Model: "gemini-2.5-pro", At: on("2026-03-01"), InputTokens: 200_001, CacheReadTokens: 100_000, OutputTokens: 1_000}, 0.2900025},
	{"Google Gemini 2.5 Flash: 0.30 text in, 1.00 audio in, 2.50 out",
		// 500×0.30 + 1,500×1.00 + 200×2.50 = 150 + 1,500 + 500 = 2,150 per million
		Call{Provider: "google_genai", Model: "models/gemini-2.5-flash", At: on("2026-03-01"), InputTokens: 2_000, InputAudioTokens: 1_500, OutputTokens: 200}, 0.00215},
	{"DeepSeek V3 by day, 00:30 to 16:30 UTC: 0.27 in, 0.07 cached, 1.10 out",
		// 2,000×0.27 + 8,000×0.07 + 1,000×1.10 = 540 + 560 + 1,100 = 2,200 per million
		Call{Provider: "deepseek", Model: "deepseek-chat", At: on("2025-07-01"), InputTokens: 10_000, CacheReadTokens: 8_000, OutputTokens: 1_000}, 0.0022},
	{"DeepSeek V3 by night, half of it",
		// half of 2,200 per million
		Call{Provider: "deepseek", Model: "deepseek-chat", At: on("2025-07-01").Add(8 * time.Hour), InputTokens: 10_000, CacheReadTokens: 8_000, OutputTokens: 1_000}, 0.0011},
	{"Groq Llama 3.3 70B: 0.59 in, 0.79 out",
		// 3,000×0.59 + 1,000×0.79 = 1,770 + 790 = 2,560 per million
		Call{Provider: "groq", Model: "llama-3.3-70b-versatile", At: on("2025-07-01"), InputTokens: 3_000, OutputTokens: 1_000}, 0.00256},
}

func TestCostsWorkedByHand(t *testing.T) {
	table := open(t, Options{})
	equal := 0
	for _, test := range byHand {
		got := table.Price(test.call)
		if got.Status != Priced || math.Abs(got.USD-test.usd) > 1e-9 {
			t.Errorf("%s: %v, expected %v USD", test.name, got, test.usd)
			continue
		}
		equal++
	}
	if t.Logf("%d of %d hand-worked costs", equal, len(byHand)); equal != 20 {
		t.Errorf("%d of 20 hand-worked costs", equal)
	}
}
