package pricing

import (
	"math"
	"testing"
	"time"
)

func TestConstraint(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	date := constraint{kind: fromDate, from: at("2026-01-01T00:00:00Z").Unix()}
	daily := constraint{kind: timeOfDay, from: 10 * 3600, to: 12 * 3600}
	nightly := constraint{kind: timeOfDay, from: 22 * 3600, to: 2 * 3600}
	tests := []struct {
		name  string
		limit constraint
		at    string
		want  bool
	}{
		{"the second before", date, "2025-12-31T23:59:59.999Z", false},
		{"the day itself", date, "2026-01-01T00:00:00Z", true},
		{"days are UTC's", date, "2026-01-01T00:30:00+01:00", false},
		{"before the hours", daily, "2026-01-01T09:59:59.999Z", false},
		{"first second", daily, "2026-01-01T10:00:00Z", true},
		{"last second", daily, "2026-01-01T11:59:59.999Z", true},
		{"end", daily, "2026-01-01T12:00:00Z", false},
		{"before 1970", daily, "1969-12-31T11:00:00Z", true},
		{"in the evening", nightly, "2026-01-01T22:00:00Z", true},
		{"after midnight", nightly, "2026-01-01T01:59:59Z", true},
		{"in the morning", nightly, "2026-01-01T02:00:00Z", false},
		{"no constraint", constraint{}, "1970-01-01T00:00:00Z", true},
	}
	for _, test := range tests {
		if got := test.limit.holds(at(test.at).Unix()); got != test.want {
			t.Errorf("%s: %v, expected %v", test.name, got, test.want)
		}
	}
}

func TestServiceTiers(t *testing.T) {
	table := open(t, Options{})
	later := on("2026-11-01") // the tiers' rates are known since October 2026
	tests := []struct {
		name string
		call Call
		usd  float64
	}{
		{"priority", Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "priority", At: later}, 4.25},
		{"in capitals", Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "PRIORITY", At: later}, 4.25},
		{"before its rate was known", Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "priority", At: on("2025-11-01")}, 2.5},
		{"the default tier", Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "default", At: later}, 2.5},
		{"another word for it", Call{Provider: "groq", Model: "llama-3.3-70b-versatile", ServiceTier: "on_demand", At: later}, 0.59},
		{"Anthropic's speed", Call{Provider: "anthropic", Model: "claude-opus-4-8", ServiceTier: "fast", At: later}, 10},
		{"only some units have a batch rate", Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "batch", At: later, CacheReadTokens: 1_000_000}, 1.25},
	}
	for _, test := range tests {
		test.call.InputTokens = 1_000_000
		if got := table.Price(test.call); got.Status != Priced || math.Abs(got.USD-test.usd) > 1e-9 {
			t.Errorf("%s: %+v, expected %v USD", test.name, got, test.usd)
		}
	}
}

func TestTierWithoutRateIsUnpriced(t *testing.T) {
	table := open(t, Options{})
	for name, call := range map[string]Call{
		"scale is bought in advance":         {Provider: "openai", Model: "gpt-4o", ServiceTier: "scale"},
		"the model has no flex":              {Provider: "openai", Model: "gpt-4o", ServiceTier: "flex"},
		"a reseller's tiers are its own":     {Provider: "azure", Model: "gpt-4o", ServiceTier: "priority"},
		"Anthropic's priority is a contract": {Provider: "anthropic", Model: "claude-sonnet-4-5", ServiceTier: "priority"},
	} {
		call.At, call.InputTokens = on("2026-11-01"), 1_000_000
		if got := table.Price(call); got.Status != Unpriced || got.USD != 0 {
			t.Errorf("%s: %+v, expected unpriced", name, got)
		}
	}
	if got := table.Price(Call{Provider: "ollama", Model: "llama3", ServiceTier: "flex", InputTokens: 1}); got.Status != Priced {
		t.Errorf("free is free at any tier: %+v", got)
	}
}

// Groq bills ten seconds of audio at least: 0.04 USD an hour, 0.02 in batch.
func TestMinimumAudio(t *testing.T) {
	table := open(t, Options{})
	for seconds, billed := range map[float64]float64{0.5: 10, 10: 10, 11: 11, 3600: 3600} {
		call := Call{Provider: "groq", Model: "whisper-large-v3-turbo", At: on("2026-11-01"), AudioSeconds: seconds}
		if got := table.Price(call); math.Abs(got.USD-0.04*billed/3600) > 1e-12 {
			t.Errorf("%v s: %+v, expected %v s billed", seconds, got, billed)
		}
	}
}
