package redact

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp/syntax"
	"strings"
	"testing"
)

// sampleOf makes a key of a format of keyformats.yaml.
func sampleOf(t *testing.T, key string, pick *rand.Rand) string {
	if inner, ok := strings.CutPrefix(key, "/"); ok {
		return sampleOfPattern(t, strings.TrimSuffix(inner, "/"), pick)
	}
	format, infix, err := parseFormat(key)
	if err != nil {
		t.Fatal(err)
	}
	body := randomOf(format.rest, format.least+8, pick)
	switch {
	case infix:
		return randomOf(format.before, format.most, pick) + format.literal + body[8:]
	case format.literal == ":":
		return "7345612098:A" + body
	}
	return format.literal + body
}

// randomOf has a digit in it, as keys do.
func randomOf(set *[256]bool, length int, pick *rand.Rand) string {
	var bytes []byte
	for b := range 128 {
		if set[b] && isAlnum(byte(b)) {
			bytes = append(bytes, byte(b))
		}
	}
	out := make([]byte, length)
	for k := range out {
		out[k] = bytes[pick.IntN(len(bytes))]
	}
	if length > 2 {
		out[length/2] = '7'
	}
	return string(out)
}

// sampleOfPattern writes a text that an expression finds.
func sampleOfPattern(t *testing.T, expression string, pick *rand.Rand) string {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	writeMatch(parsed, &out, pick)
	return out.String()
}

func writeMatch(re *syntax.Regexp, out *strings.Builder, pick *rand.Rand) {
	switch re.Op {
	case syntax.OpLiteral:
		out.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		at := 2 * pick.IntN(len(re.Rune)/2)
		out.WriteRune(re.Rune[at] + rune(pick.IntN(int(min(re.Rune[at+1], 'z')-re.Rune[at]+1))))
	case syntax.OpAlternate:
		writeMatch(re.Sub[pick.IntN(len(re.Sub))], out, pick)
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			writeMatch(sub, out, pick)
		}
	case syntax.OpPlus, syntax.OpRepeat:
		for range max(re.Min, 1) {
			writeMatch(re.Sub[0], out, pick)
		}
	}
}

func TestKeysOfEachVendorAreMasked(t *testing.T) {
	vendors, err := readKeyFormats(keyFormatsFile)
	if err != nil {
		t.Fatal(err)
	}
	pick := rand.New(rand.NewPCG(3, 4))
	for _, vendor := range vendors {
		t.Run(vendor.Vendor, func(t *testing.T) {
			if !strings.HasPrefix(vendor.Source, "https://") || len(vendor.Keys) == 0 {
				t.Errorf("expected a source and keys, got %+v", vendor)
			}
			for _, format := range vendor.Keys {
				key := sampleOf(t, format, pick)
				for before, after := range map[string]string{"use ": " today", `{"a": "`: `"}`, "(": ").", "": ""} {
					masked := maskWith(&Policy{}, before+key+after)
					if !strings.HasPrefix(masked, before+"[") || !strings.HasSuffix(masked, "]"+after) || strings.Contains(masked, key) {
						t.Errorf("%s: %q became %q", format, before+key+after, masked)
					}
				}
			}
		})
	}
}

func TestKeyFormatFaultsAreExplained(t *testing.T) {
	for key, want := range map[string]string{
		"sk- letters 4": "[letters 4]: expected an alphabet and a length",
		"sk- hex":       "[hex]: expected an alphabet and a length",
		"/[a-z]+/":      "/[a-z]+/: an expression must begin with two letters or more",
	} {
		if _, _, err := parseFormat(key); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", key, err, want)
		}
	}
}

// testdata/gitleaks.jsonl has three made-up keys for each rule of gitleaks' list that works by form or by a name
// in front; gitleaks/generate.go makes it from the release that is pinned there. The parts of a key are joined here, lest a
// scanner takes them for one that leaked.
func TestKeysOfGitleaksRulesAreMasked(t *testing.T) {
	raw, err := os.ReadFile("testdata/gitleaks.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	left, rules := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		var one struct {
			Rule  string   `json:"rule"`
			Parts []string `json:"parts"`
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		key := strings.Join(one.Parts, "")
		text := "run " + key + "\n"
		if rules[one.Rule] = true; strings.Contains(maskWith(&Policy{}, text), key[len(key)/2:]) { // a name may come first
			left[one.Rule] = text
		}
	}
	for rule, text := range left {
		t.Logf("%s: left %q", rule, text)
	}
	t.Logf("%d of gitleaks' %d rules", len(rules)-len(left), len(rules))
	if len(left)*20 > len(rules) || len(rules) < 150 {
		t.Errorf("keys of %d of %d rules are left, expected at most 5 %%", len(left), len(rules))
	}
}
