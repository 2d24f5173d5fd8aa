package labelguard

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.opentelemetry.io/collector/confmap"
)

//go:embed identity.yaml
var identityFile []byte

// identityRule is identity.yaml, which explains each key.
type identityRule struct {
	Subjects []string `mapstructure:"subjects"`
	Which    []string `mapstructure:"which"`
	Whole    []string `mapstructure:"whole"`
	Ends     []string `mapstructure:"ends"`
	Queries  []string `mapstructure:"queries"`
	Examples struct {
		Identities []string `mapstructure:"identities"`
		Others     []string `mapstructure:"others"`
	} `mapstructure:"examples"`
}

var identity = mustRead(identityFile)

// mustRead panics where the embedded file is wrong.
func mustRead(content []byte) identityRule {
	rule, err := readRule(content)
	if err != nil {
		panic(fmt.Errorf("identity.yaml: %w", err))
	}
	return rule
}

func readRule(content []byte) (rule identityRule, err error) {
	retrieved, err := confmap.NewRetrievedFromYAML(content)
	if err != nil {
		return rule, err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return rule, err
	}
	return rule, conf.Unmarshal(&rule)
}

// dense takes out what joins the parts of one word, and leaves the dots between words.
var dense = strings.NewReplacer("_", "", "-", "")

// Identity says whether a label of this name tells users, sessions or conversations apart, by the rule of identity.yaml.
func Identity(name string) bool {
	whole := dense.Replace(strings.ToLower(name))
	if slices.ContainsFunc(identity.Ends, func(end string) bool { return strings.HasSuffix(whole, end) }) {
		return true
	}
	words := split(name)
	for i, word := range words {
		if slices.Contains(identity.Whole, word) {
			return true
		}
		if !slices.Contains(identity.Subjects, word) || (i+1 < len(words) && words[i+1] == "agent") {
			continue
		}
		which := func(later string) bool { return slices.Contains(identity.Which, later) }
		if i == len(words)-1 || slices.ContainsFunc(words[i+1:], which) {
			return true
		}
	}
	return false
}

// split cuts a name at punctuation and before capitals, in lower case: "app.userId" is app, user, id.
func split(name string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	upper := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		case unicode.IsUpper(r) && !upper:
			flush()
			fallthrough
		default:
			word.WriteRune(unicode.ToLower(r))
		}
		upper = unicode.IsUpper(r)
	}
	flush()
	return words
}
