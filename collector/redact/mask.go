package redact

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// The built-in rules, by their places in a rules value. token works under `none` only: it takes what looks
// random out of text that stays.
const (
	ruleCard = iota
	ruleEmail
	rulePhone
	ruleIBAN
	ruleAPIKey
	ruleBearer
	ruleJWT
	rulePrivateKey
	ruleCredential
	ruleToken
	builtinCount
)

var builtinRules = [builtinCount]string{"card", "email", "phone", "iban", "api_key", "bearer", "jwt", "private_key", "credential", "token"}

// rules masks: the built-in ones in one pass over the bytes, then an operator's expressions.
type rules struct {
	names   []string
	markers []string
	enabled [builtinCount]bool
	key     []byte // of pseudonyms; nil for none
	custom  []customRule
}

type customRule struct {
	index   int
	pattern *regexp.Regexp
	literal string // every match starts with it: looked for first
	check   func(string) bool
}

func newRules(p *Policy) *rules {
	r := &rules{names: slices.Clone(builtinRules[:])}
	for i, name := range builtinRules {
		r.enabled[i] = !slices.Contains(p.DisableRules, name)
	}
	for _, rule := range p.Rules {
		r.names = append(r.names, rule.Name)
		if slices.Contains(p.DisableRules, rule.Name) {
			continue
		}
		c := customRule{index: len(r.names) - 1, pattern: regexp.MustCompile(rule.Pattern)}
		c.literal, _ = c.pattern.LiteralPrefix()
		c.check = map[string]func(string) bool{"luhn": luhnText, "iban": ibanText}[rule.Check]
		r.custom = append(r.custom, c)
	}
	for _, name := range r.names {
		r.markers = append(r.markers, "["+name+"]")
	}
	return r
}

// maxRounds bounds the search for a text that masking leaves alone: an operator's rule could make new matches for ever.
const maxRounds = 8

// mask returns s itself where nothing was found. A text that was valid JSON stays so.
func (r *rules) mask(s string, counts []int64) string {
	once := r.round(s, counts)
	if once == s {
		return s
	}
	if looksLikeJSON(s) && !json.Valid([]byte(once)) {
		if masked, ok := r.maskJSON(s); ok {
			return r.settleJSON(masked)
		}
	}
	return r.settle(once, counts)
}

// settle masks until nothing is found: a marker next to a text can make it match where it did not before.
func (r *rules) settle(s string, counts []int64) string {
	for range maxRounds {
		again := r.round(s, counts)
		if again == s {
			break
		}
		s = again
	}
	return s
}

// settleJSON is settle for a text that is to stay JSON.
func (r *rules) settleJSON(s string) string {
	scratch := make([]int64, len(r.names))
	for range maxRounds {
		again := r.round(s, scratch)
		if again == s {
			break
		}
		if !json.Valid([]byte(again)) {
			if again, _ = r.maskJSON(s); again == s || again == "" {
				break
			}
		}
		s = again
	}
	return s
}

func (r *rules) round(s string, counts []int64) string {
	out := r.builtin(s, counts)
	for i := range r.custom {
		out = r.apply(&r.custom[i], out, counts)
	}
	return out
}

// found is a match of a built-in rule at s[start:end]; with end 0 there is none before next.
type found struct {
	start, end, rule, next int
}

const (
	tDigit = iota + 1
	tAt
	tDash // sk-, xoxb-, -----BEGIN, --password
	tKey  // a byte of a vendor's prefix: ghp_, AKIA
	tDot
	tBearer
	tJWT
	tSign    // password=, "password":
	tWord    // the w of password
	tBracket // [at]
	tSpelled // the d of " dot "
	tTag     // <password>
)

// triggers marks the bytes at which a rule's text can be recognised; all others are skipped at one look-up each.
var triggers = func() (t [256]uint8) {
	for b := range 256 {
		if keys.triggers[b] != nil || len(keys.infixes[b]) > 0 {
			t[b] = tKey
		}
	}
	for b := byte('0'); b <= '9'; b++ {
		t[b] = tDigit
	}
	for trigger, bytes := range map[uint8]string{tAt: "@", tDash: "-", tDot: ".", tSign: "=:", tBearer: "Bb", tJWT: "J", tWord: "wW",
		tBracket: "[({<", tSpelled: "dD", tTag: ">"} {
		for _, b := range []byte(bytes) {
			t[b] = trigger
		}
	}
	return t
}()

// seconds has for each trigger the bytes that may follow it: a look at one saves most calls.
var seconds = func() (next [tTag + 1][256]bool) {
	for trigger := range next {
		for b := range 256 {
			next[trigger][b] = true
		}
	}
	for trigger, bytes := range map[uint8]string{tSpelled: "oO", tBracket: " aA@", tWord: "oOdD", tBearer: "eEaA"} {
		next[trigger] = [256]bool{}
		for _, b := range []byte(bytes) {
			next[trigger][b] = true
		}
	}
	next[tDot] = keyByte
	return next
}()

func (r *rules) builtin(s string, counts []int64) string {
	v := viewOf(s)
	t := v.text
	var out []byte
	done, copied := 0, 0 // up to where the view is read, and the original copied
	for i := 0; ; {
		for i < len(t) && triggers[t[i]] == 0 {
			i++
		}
		if i >= len(t) {
			break
		}
		trigger := triggers[t[i]]
		if i+1 < len(t) && !seconds[trigger][t[i+1]] {
			i++
			continue
		}
		f := r.at(trigger, t, i, done)
		if f.end == 0 {
			i = max(f.next, i+1)
			continue
		}
		if out == nil {
			out = make([]byte, 0, len(s)+16)
		}
		out = append(append(out, s[copied:v.original(f.start, false)]...), r.markers[f.rule]...)
		counts[f.rule]++
		i, done, copied = f.end, f.end, v.original(f.end, true)
	}
	if out == nil {
		return s
	}
	return string(append(out, s[copied:]...))
}

// at tries the rules of trigger; a match that starts before done is already taken.
func (r *rules) at(trigger uint8, s string, i, done int) found {
	switch trigger {
	case tDigit:
		return r.number(s, i, done)
	case tAt:
		if f := r.dsn(s, i, done); f.end > 0 {
			return f
		}
		return r.email(s, i, i+1, done)
	case tDash:
		return r.dash(s, i, done)
	case tKey:
		if s[i] == 'I' {
			if f := r.identified(s, i); f.end > 0 {
				return f
			}
		}
		return r.apiKey(s, i, done)
	case tDot:
		return r.dotted(s, i, done)
	case tBearer:
		return r.bearer(s, i, done)
	case tJWT:
		return r.jwt(s, i, done)
	case tSign:
		return r.credential(s, i, done)
	case tWord:
		return r.spoken(s, i, done)
	case tBracket:
		return r.spelled(s, i, done)
	case tSpelled:
		return r.spelledDot(s, i, done)
	case tTag:
		return r.element(s, i, done)
	}
	return found{}
}

func (r *rules) dash(s string, i, done int) found {
	if i+1 < len(s) && s[i+1] == '-' && strings.HasPrefix(s[i:], "-----BEGIN ") {
		return r.privateKey(s, i)
	}
	if f := r.apiKey(s, i, done); f.end > 0 {
		return f
	}
	return r.flag(s, i, done)
}

func (r *rules) apply(c *customRule, s string, counts []int64) string {
	if !strings.Contains(s, c.literal) {
		return s
	}
	return c.pattern.ReplaceAllStringFunc(s, func(match string) string {
		if match == "" || c.check != nil && !c.check(match) {
			return match
		}
		counts[c.index]++
		return r.markers[c.index]
	})
}
