package redact

import (
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"default": {func(*Config) {}, ""},
		"content": {func(c *Config) { c.Content = "ful" }, "content='ful': expected one of none, masked, full, opt_in"},
		"empty":   {func(c *Config) { c.Content = "" }, "content='': expected one of none, masked, full, opt_in"},
		"case":    {func(c *Config) { c.Content = "None" }, "content='None': expected one of none, masked, full, opt_in"},
		"unknown": {func(c *Config) { c.UnknownAttributes = "keep" }, "unknown_attributes='keep': expected one of identifiers, remove"},
		"bodies":  {func(c *Config) { c.LogBodies = "full" }, "log_bodies='full': expected one of mask, remove"},
		"stack":   {func(c *Config) { c.StackTraces = "all" }, "stack_traces='all': expected one of frames, remove"},
		"two": {func(c *Config) { c.Content, c.LogBodies = "x", "y" },
			"content='x': expected one of none, masked, full, opt_in\nlog_bodies='y': expected one of mask, remove"},
		"rule name": {func(c *Config) { c.Rules = []Rule{{Name: "Bad-Name", Pattern: "x"}} },
			"rules[0]::name='Bad-Name': expected lower-case letters, digits and _, starting with a letter"},
		"rule taken": {func(c *Config) { c.Rules = []Rule{{Name: "card", Pattern: "x"}} }, "rules[0]::name='card': expected a name that no other rule has"},
		"rule twice": {func(c *Config) { c.Rules = []Rule{{Name: "a", Pattern: "xx"}, {Name: "a", Pattern: "xy"}} },
			"rules[1]::name='a': expected a name that no other rule has"},
		"rule check": {func(c *Config) { c.Rules = []Rule{{Name: "a", Pattern: "x", Check: "crc"}} },
			"rules[0]::check='crc': expected one of luhn, iban"},
		"rule pattern": {func(c *Config) { c.Rules = []Rule{{Name: "a", Pattern: "("}} },
			"rules[0]::pattern='(': expected a regular expression (RE2): error parsing regexp: missing closing ): `(`"},
		"rule empty": {func(c *Config) { c.Rules = []Rule{{Name: "a", Pattern: "x*"}} },
			"rules[0]::pattern='x*': expected a pattern that does not match the empty text"},
		"rule own marker": {func(c *Config) { c.Rules = []Rule{{Name: "a", Pattern: "[a-b]+]"}} },
			"rules[0]::pattern='[a-b]+]': expected a pattern that does not match the marker [a]"},
		"rule other marker": {func(c *Config) { c.Rules = []Rule{{Name: "a", Pattern: "c.rd"}} },
			"rules[0]::pattern='c.rd': expected a pattern that does not match the marker [card]"},
		"disable": {func(c *Config) { c.DisableRules = []string{"cards"} },
			"disable_rules[0]='cards': expected one of card, email, phone, iban, api_key, bearer, jwt, private_key, credential, token"},
		"pattern": {func(c *Config) { c.Attributes.IDs = []string{"a", "*"} }, "attributes::ids[1]='*': expected a name, with * for a part of it"},
	} {
		cfg := defaultConfig()
		c.change(cfg)
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestUnmarshal(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	conf := confmap.NewFromStringMap(map[string]any{
		"content":    "masked",
		"attributes": map[string]any{"content": []any{"acme.*"}},
		"rules":      []any{map[string]any{"name": "customer", "pattern": "CUST-[0-9]+"}},
	})
	if err := conf.Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Content != contentMasked || cfg.Attributes.Content[0] != "acme.*" || cfg.Rules[0].Name != "customer" {
		t.Errorf("got %+v", cfg)
	}
	if err := confmap.NewFromStringMap(map[string]any{"contents": "none"}).Unmarshal(cfg); err == nil {
		t.Error("an unknown setting was taken")
	}
}

func TestPolicyFile(t *testing.T) {
	cfg := defaultConfig()
	cfg.PolicyFile = filepath.Join("testdata", "policy.yaml")
	r := newTestRedactor(t, cfg)
	for key, want := range map[string]action{
		"acme.chat.line": actionContent, "acme.chat.id": actionID, "input.value": actionContent, "acme.other": actionUnknown, "user.id": actionID,
	} {
		if got := r.names.of(key).action; got != want {
			t.Errorf("%s: got %d, want %d", key, got, want)
		}
	}
	if got := r.rules.mask("CUST-123456 bob@example.com +49 30 1234567", make([]int64, len(r.rules.names))); got != "[customer] [email] +49 30 1234567" {
		t.Errorf("got %q", got)
	}

	broken := filepath.Join(t.TempDir(), "policy.yaml")
	for content, want := range map[string]string{
		"attributs: {}": broken + ":1: content='attributs': expected one of the keys attributes, words, metadata_keys, " +
			"generative_scopes, request_loggers, rules, disable_rules",
		"words:\n- - a": broken + ":2: words[0]='a list': expected a text",
		"rules: [":      "policy_file='" + broken + "': expected YAML: line 1: did not find expected node content",
		"disable_rules: [x]": "disable_rules[0]='x': expected one of card, email, phone, iban, api_key, bearer, " +
			"jwt, private_key, credential, token",
	} {
		if err := os.WriteFile(broken, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.PolicyFile = broken
		_, err := newRedactor(cfg, componenttest.NewNopTelemetrySettings())
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", content, err, want)
		}
	}
	cfg.PolicyFile = "missing.yaml"
	_, err := newRedactor(cfg, componenttest.NewNopTelemetrySettings())
	if err == nil || err.Error() != "policy_file='missing.yaml': expected a readable file: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
