package pricing

import (
	"regexp"
	"strings"
)

// clause is a rule that a name, in lower case, matches or not.
type clause interface{ matches(name string) bool }

type (
	equals     string
	startsWith string
	endsWith   string
	contains   string
	pattern    struct{ *regexp.Regexp }
	anyOf      []clause
	allOf      []clause
	not        struct{ clause }
)

func (c equals) matches(name string) bool     { return name == string(c) }
func (c startsWith) matches(name string) bool { return strings.HasPrefix(name, string(c)) }
func (c endsWith) matches(name string) bool   { return strings.HasSuffix(name, string(c)) }
func (c contains) matches(name string) bool   { return strings.Contains(name, string(c)) }
func (c pattern) matches(name string) bool    { return c.MatchString(name) }
func (c not) matches(name string) bool        { return !c.clause.matches(name) }

func (c anyOf) matches(name string) bool {
	for _, part := range c {
		if part.matches(name) {
			return true
		}
	}
	return false
}

func (c allOf) matches(name string) bool {
	for _, part := range c {
		if !part.matches(name) {
			return false
		}
	}
	return true
}

var compactDate = regexp.MustCompile(`-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(-|:|$)`)

// dashedDate rewrites a compact date in a model's name, gpt-5.2-20251211, to gpt-5.2-2025-12-11: OpenRouter and LiteLLM
// write the one, the table often knows the other.
func dashedDate(name string) string {
	return compactDate.ReplaceAllString(name, "-$1-$2-$3$4")
}
