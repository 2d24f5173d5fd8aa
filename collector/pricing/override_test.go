package pricing

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestOverride(t *testing.T) {
	table := open(t, Options{OverrideFile: "testdata/override.json"})
	tests := []struct {
		name string
		call Call
		usd  float64
	}{
		{"a model replaced", Call{Provider: "openai", Model: "gpt-4o-2024-08-06", At: on("2026-06-01")}, 2},
		{"its price before", Call{Provider: "openai", Model: "gpt-4o-2024-08-06", At: on("2025-06-01")}, 2.5},
		{"its batch price", Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "batch", At: on("2026-06-01")}, 1},
		{"looked at before the list", Call{Provider: "openai", Model: "gpt-4o-mini"}, 0.05},
		{"a reseller follows", Call{Provider: "azure", Model: "gpt-4o", At: on("2026-06-01")}, 2},
		{"the rest stays", Call{Provider: "openai", Model: "gpt-4.1", At: on("2026-06-01")}, 2},
		{"a model added, by its id", Call{Provider: "openai", Model: "House-Model"}, 3},
		{"an alias added", Call{Provider: "house", Model: "house-model"}, 3},
		{"a provider added", Call{Provider: "api.acme.example", Model: "rocket-1-mini"}, 5.01},
		{"what it resells", Call{Provider: "acme", Model: "claude-3-haiku-20240307"}, 0.25},
		{"a price for a free provider's model", Call{Provider: "ollama", Model: "llama3.3:70b"}, 0.1},
		{"its other models", Call{Provider: "ollama", Model: "llama3.2"}, 0},
		{"a free provider added", Call{Provider: "basement", Model: "gpt-4o"}, 0},
		{"a model of any provider", Call{Provider: "azure", Model: "prod-deployment"}, 7},
		{"a model of an unknown one", Call{Model: "prod-deployment"}, 7},
	}
	for _, test := range tests {
		test.call.InputTokens = 1_000_000
		got := table.Price(test.call)
		if got.Status != Priced || math.Abs(got.USD-test.usd) > 1e-9 {
			t.Errorf("%s: %+v, expected %v USD", test.name, got, test.usd)
		}
		if !strings.HasPrefix(got.Version, "genai-prices/0.2.3+override.") || len(got.Version) != len("genai-prices/0.2.3+override.12345678") {
			t.Errorf("version %q", got.Version)
		}
	}
}

func TestReplacedModelHasOnlyItsOwnTiers(t *testing.T) {
	table := open(t, Options{OverrideFile: "testdata/override.json"})
	call := Call{Provider: "openai", Model: "gpt-4o", ServiceTier: "priority", At: on("2026-11-01"), InputTokens: 1_000_000}
	if got := table.Price(call); got.Status != Unpriced {
		t.Errorf("%+v, expected unpriced", got)
	}
}

func TestOverrideErrors(t *testing.T) {
	model := func(rest string) string {
		return `{"providers": [{"id": "openai", "models": [{"id": "m", ` + rest + `}]}]}`
	}
	const at = "FILE:1: providers[0]::models[0]"
	tests := []struct{ name, content, want string }{
		{"empty", ``, `prices_file='FILE': expected JSON: line 1, column 1: unexpected end of JSON input`},
		{"cut off", "{\n \"providers\": [", `prices_file='FILE': expected JSON: line 2, column 15: unexpected end of JSON input`},
		{"no JSON", "{\n  \"a\": 1,\n}", `prices_file='FILE': expected JSON: line 3, column 1: invalid character '}' looking for beginning of object key string`},
		{"two objects", `{} {}`, `prices_file='FILE': expected JSON: line 1, column 4: invalid character '{' after top-level value`},
		{"a list", `[]`, `FILE:1: content='a list': expected a mapping`},
		{"unknown key", `{"prices": {}}`, `FILE:1: content='prices': expected one of the keys providers, provider_aliases, free_providers, protocol_providers, model_prefixes, comment`},
		{"a key twice", "{\"free_providers\": [],\n\"free_providers\": []}", `FILE:2: free_providers='a list': expected each key once: line 1 has it, too`},
		{"no id", `{"providers": [{}]}`, `FILE:1: providers[0]::id='': expected a text`},
		{"no prices", model(`"match": {"equals": "m"}`), at + `::prices='': expected a mapping`},
		{"prices null", model(`"prices": null`), at + `::prices='null': expected a mapping`},
		{"negative price", model(`"prices": {"input_mtok": -1}`), at + `::prices::input_mtok='-1': expected a price in USD, a number from 0 to 1e12`},
		{"huge price", model(`"prices": {"input_mtok": 1e999}`), at + `::prices::input_mtok='1e999': expected a price in USD, a number from 0 to 1e12`},
		{"text for a price", model(`"prices": {"input_mtok": "2.5"}`), at + `::prices::input_mtok='2.5': expected a price in USD, a number from 0 to 1e12`},
		{"part without whole", model(`"prices": {"cache_read_mtok": 1}`), at + `::prices='a mapping': expected input_mtok too, which includes what is priced here`},
		{"wholes without their part", model(`"prices": {"input_mtok": 1, "cache_read_mtok": 1, "input_audio_mtok": 1}`),
			at + `::prices='a mapping': expected cache_audio_read_mtok too, which two of the prices here include`},
		{"no clause", model(`"match": {}, "prices": {}`), at + `::match='a mapping': expected one of equals, starts_with, ends_with, contains, regex, or, and, not`},
		{"no rule", model(`"match": {"or": []}, "prices": {}`), at + `::match::or='a list': expected at least one rule`},
		{"bad regex", model(`"match": {"regex": "("}, "prices": {}`), at + `::match::regex='(': expected a regular expression (RE2): error parsing regexp: missing closing ): ` + "`(`"},
		{"tiers that fall", model(`"prices": {"input_mtok": {"base": 1, "tiers": [{"start": 9, "price": 1}, {"start": 8, "price": 2}]}}`),
			at + `::prices::input_mtok::tiers[1]='a mapping': expected a higher start than the tier before`},
		{"no base", model(`"prices": {"input_mtok": {"tiers": []}}`), at + `::prices::input_mtok::base='': expected a price in USD, a number from 0 to 1e12`},
		{"no price at all", model(`"prices": []`), at + `::prices='a list': expected at least one entry`},
		{"bad date", model(`"prices": [{"constraint": {"start_date": "1.1.2026"}, "prices": {}}]`),
			at + `::prices[0]::constraint::start_date='1.1.2026': expected a day such as 2026-11-10 (UTC)`},
		{"half a time", model(`"prices": [{"constraint": {"start_time": "10:00:00"}, "prices": {}}]`),
			at + `::prices[0]::constraint='a mapping': expected start_date, or start_time and end_time`},
		{"unknown condition", model(`"prices": {}, "price_variants": [{"when": {"tier": "flex"}, "prices": {}}]`),
			at + `::price_variants[0]::when='tier': expected one of the keys processing, service_tier, speed, search_type, route, comment` + "\n" +
				at + `::price_variants[0]='a mapping': expected exactly one condition in when`},
		{"two problems", "{\"free_providers\": 1,\n\"provider_aliases\": {\"a\": null}}",
			"FILE:1: free_providers='1': expected a list\nFILE:2: provider_aliases::a='null': expected a text"},
	}
	for _, test := range tests {
		file := filepath.Join(t.TempDir(), "prices.json")
		write(t, file, test.content)
		want := strings.ReplaceAll(test.want, "FILE", file)
		err := Check(file)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, expected\n%s", test.name, err, want)
		}
		if _, openErr := Open(Options{OverrideFile: file}); openErr == nil || openErr.Error() != err.Error() {
			t.Errorf("%s: Open says %v, Check %v", test.name, openErr, err)
		}
	}
}

func TestOverrideNamesUnknownProvider(t *testing.T) {
	file := filepath.Join(t.TempDir(), "prices.json")
	write(t, file, "{\n\t\"provider_aliases\": {\"us\": \"opnai\"}\n}")
	want := file + `:2: provider_aliases::us='opnai': expected the id of a provider: one of anthropic, arcee, `
	if err := Check(file); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, expected %s…", err, want)
	}
}

func TestMissingOverride(t *testing.T) {
	want := "prices_file='testdata/none.json': expected a readable file: no such file or directory"
	if err := Check("testdata/none.json"); err == nil || err.Error() != want {
		t.Errorf("%v, expected %s", err, want)
	}
	if err := Check("testdata/override.json"); err != nil {
		t.Error(err)
	}
	if err := Check(""); err != nil {
		t.Error(err)
	}
}

const (
	cheap  = `{"providers": [{"id": "openai", "models": [{"id": "gpt-4o", "prices": {"input_mtok": 1}}]}]}`
	dear   = `{"providers": [{"id": "openai", "models": [{"id": "gpt-4o", "prices": {"input_mtok": 9}}]}]}`
	broken = `{"providers": [{"id": "openai", "models": [{"id": "gpt-4o", "prices": {"input_mtok": "9"}}]}]}`
)

// A change is taken over; a broken one keeps the prices, is logged and counted once, and is reported until it is fixed.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "prices.json")
	write(t, file, cheap)
	core, logs := observer.New(zapcore.InfoLevel)
	telemetry := componenttest.NewTelemetry()
	settings := telemetry.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	// The test looks itself: no ticker is waited for.
	table := open(t, Options{OverrideFile: file, Poll: time.Hour, Telemetry: settings})
	expect := func(step string, usd float64, failures int64, state string, messages ...string) {
		t.Helper()
		table.watcher.look()
		table.watcher.look()
		if got := table.Price(Call{Provider: "openai", Model: "gpt-4o", InputTokens: 1_000_000}); got.USD != usd {
			t.Errorf("%s: %+v, expected %v USD", step, got, usd)
		}
		if got := counted(t, telemetry); got != failures {
			t.Errorf("%s: %d failures, expected %d", step, got, failures)
		}
		if got := overrideState(t, telemetry); got != state {
			t.Errorf("%s: override %s, expected %s", step, got, state)
		}
		var said []string
		for _, entry := range logs.TakeAll() {
			said = append(said, entry.Level.String()+" "+entry.Message)
		}
		if strings.Join(said, "\n") != strings.Join(messages, "\n") {
			t.Errorf("%s: %q logged, expected %q", step, said, messages)
		}
	}
	expect("at the start", 1, 0, "active")
	write(t, file, dear)
	expect("changed", 9, 0, "active", "info prices override in use")
	write(t, file, broken)
	expect("broken", 9, 1, "broken", "error "+file+
		`:1: providers[0]::models[0]::prices::input_mtok='9': expected a price in USD, a number from 0 to 1e12`)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	expect("gone", 9, 2, "broken", "error prices_file='"+file+"': expected a readable file: no such file or directory")
	write(t, file, cheap)
	expect("fixed", 1, 2, "active", "info prices override in use")
}

func TestReloadsAutomatically(t *testing.T) {
	file := filepath.Join(t.TempDir(), "prices.json")
	write(t, file, cheap)
	table := open(t, Options{OverrideFile: file, Poll: time.Millisecond})
	write(t, file, dear)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		got := table.Price(Call{Provider: "openai", Model: "gpt-4o", InputTokens: 1_000_000})
		if got.USD == 9 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v a minute after the file changed", got)
		}
	}
}

func TestWithoutOverride(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	open(t, Options{Telemetry: telemetry.NewTelemetrySettings()})
	if counted(t, telemetry) != 0 || overrideState(t, telemetry) != "none" {
		t.Error("expected a zero and no override")
	}
}

func counted(t *testing.T, telemetry *componenttest.Telemetry) int64 {
	t.Helper()
	got, err := telemetry.GetMetric("otelgate.prices.reload.failures")
	if err != nil {
		t.Fatal(err)
	}
	return got.Data.(metricdata.Sum[int64]).DataPoints[0].Value
}

func overrideState(t *testing.T, telemetry *componenttest.Telemetry) string {
	t.Helper()
	got, err := telemetry.GetMetric("otelgate.prices.info")
	if err != nil {
		t.Fatal(err)
	}
	points := got.Data.(metricdata.Gauge[int64]).DataPoints
	if len(points) != 1 || points[0].Value != 1 {
		t.Fatalf("%+v", points)
	}
	state, _ := points[0].Attributes.Value(attribute.Key("otelgate.prices.override"))
	return state.AsString()
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
