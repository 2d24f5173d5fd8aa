package redact

import "strings"

var emailByte, domainByte, tokenByte, keyByte = wordSet("._+-'"), wordSet(".-"), byteSet("._~+/=-"), byteSet("-_")

// wordSet takes letters beyond ASCII in, as addresses may.
func wordSet(punctuation string) [256]bool {
	set := byteSet(punctuation)
	for b := 0x80; b < 256; b++ {
		set[b] = true
	}
	return set
}

func (r *rules) email(s string, at, after, done int) found {
	start := at
	for start > done && emailByte[s[start-1]] {
		start--
	}
	start += escaped(s, start, at)
	for start < at && strings.IndexByte(".'-", s[start]) >= 0 {
		start++
	}
	end := domainEnd(s, after)
	if !r.enabled[ruleEmail] || start == at || end == 0 {
		return found{}
	}
	return found{start: start, end: end, rule: ruleEmail}
}

// escaped returns how much of a word that starts at i belongs to an escape in front of it: \n, \u00e9.
func escaped(s string, i, end int) int {
	if i == 0 || s[i-1] != '\\' || i >= end {
		return 0
	}
	if s[i] == 'u' && end-i >= 5 && isHex(s[i+1]) && isHex(s[i+2]) && isHex(s[i+3]) && isHex(s[i+4]) {
		return 5
	}
	if strings.IndexByte("nrtbf", s[i]) >= 0 {
		return 1
	}
	return 0
}

// domainEnd returns the end of a domain name from i on, or 0: its last label has two letters or more.
func domainEnd(s string, i int) int {
	end := i
	for end < len(s) && domainByte[s[end]] {
		end++
	}
	for {
		for end > i && (s[end-1] == '.' || s[end-1] == '-') {
			end--
		}
		dot := strings.LastIndexByte(s[i:end], '.')
		if dot <= 0 {
			return 0
		}
		letters := 0
		for _, b := range []byte(s[i+dot+1 : end]) {
			if isLetter(b) || b >= 0x80 {
				letters++
			}
		}
		if letters >= 2 {
			return end
		}
		end = i + dot
	}
}

// keyKind is a kind of API key: what it starts with, how the rest looks, and how long that is at least.
type keyKind struct {
	prefix string
	trig   int // place of the trigger byte in prefix
	least  int
}

// keyKinds are the kinds by their trigger byte; keyHints tell by the two bytes before it whether to look at all.
var keyKinds, keyHints = func() (kinds [256][]keyKind, hints [256][256]bool) {
	add := func(trigger byte, least int, prefixes ...string) {
		for _, prefix := range prefixes {
			at := strings.IndexByte(prefix, trigger)
			kinds[trigger] = append(kinds[trigger], keyKind{prefix, at, least})
			hints[trigger][hint(prefix, at)] = true
		}
	}
	add('-', 8, "sk-", "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-", "glpat-", "pypi-", "dop-")
	add('_', 8, "sk_live_", "sk_test_", "pk_live_", "pk_test_", "rk_live_", "rk_test_", "whsec_")
	add('_', 16, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_", "gsk_", "npm_", "lsv2_", "pplx_", "r8_")
	add('I', 16, "AKIA", "ASIA")
	add('z', 30, "AIza")
	return kinds, hints
}()

func hint(s string, i int) byte { return s[i-2]*31 + s[i-1] }

func (r *rules) apiKey(s string, i, done int) found {
	if i < 2 || !keyHints[s[i]][hint(s, i)] || !r.enabled[ruleAPIKey] {
		return found{}
	}
	for _, kind := range keyKinds[s[i]] {
		start := i - kind.trig
		if start < done || !strings.HasPrefix(s[start:], kind.prefix) || joined(s, start) {
			continue
		}
		body := start + len(kind.prefix)
		if end, digit := run(s, body, &keyByte); secretLike(end-body, kind.least, digit) {
			return found{start: start, end: end, rule: ruleAPIKey}
		}
	}
	return found{}
}

// secretLike tells keys from words that only start like one (sk-learn-tutorial).
func secretLike(length, least int, digit bool) bool {
	return length >= least && (digit || length >= 24)
}

func run(s string, i int, set *[256]bool) (end int, digit bool) {
	for end = i; end < len(s) && set[s[end]]; end++ {
		digit = digit || isDigit(s[end])
	}
	return end, digit
}

// bearer masks what follows Bearer, and Basic in an Authorization header.
func (r *rules) bearer(s string, i, done int) found {
	if i+1 >= len(s) || s[i+1]|0x20 != 'e' && s[i+1]|0x20 != 'a' {
		return found{}
	}
	scheme, header := "", strings.Contains(s[max(done, i-24):i], "uthorization")
	switch {
	case !r.enabled[ruleBearer] || joined(s, i):
		return found{}
	case strings.EqualFold(s[i:min(len(s), i+6)], "bearer"):
		scheme = "bearer"
	case header && strings.EqualFold(s[i:min(len(s), i+5)], "basic"):
		scheme = "basic"
	default:
		return found{}
	}
	body := i + len(scheme)
	for body < len(s) && strings.IndexByte(" :=\"'\t", s[body]) >= 0 {
		body++
	}
	end, digit := run(s, body, &tokenByte)
	if body == i+len(scheme) || end == body || !header && !secretLike(end-body, 8, digit) {
		return found{}
	}
	return found{start: body, end: end, rule: ruleBearer}
}

// jwt looks for eyJ….eyJ….…: the two parts in front are JSON.
func (r *rules) jwt(s string, i, done int) found {
	start := i - 2
	if !r.enabled[ruleJWT] || start < done || s[start:i] != "ey" || joined(s, start) {
		return found{}
	}
	header := jwtPart(s, start)
	if header-start < 8 || header >= len(s) || s[header] != '.' {
		return found{}
	}
	payload, _ := run(s, header+1, &keyByte)
	if payload-header < 5 || payload >= len(s) || s[payload] != '.' {
		return found{}
	}
	end, _ := run(s, payload+1, &keyByte)
	return found{start: start, end: end, rule: ruleJWT}
}

// jwtPart is run, but stops where another eyJ begins: without that, a text of nothing else would take quadratic time.
func jwtPart(s string, i int) (end int) {
	for end = i; end < len(s) && keyByte[s[end]]; end++ {
		if s[end] == 'J' && end > i+2 && s[end-2:end] == "ey" && !isAlnum(s[end-3]) {
			return end - 2
		}
	}
	return end
}

// privateKey masks a PEM block, to the end of the text where its end is missing.
func (r *rules) privateKey(s string, i int) found {
	head := s[i:min(len(s), i+64)]
	if !r.enabled[rulePrivateKey] || !strings.Contains(head, "PRIVATE KEY") {
		return found{}
	}
	const footer = "-----END "
	end := strings.Index(s[i:], footer)
	if end < 0 {
		return found{start: i, end: len(s), rule: rulePrivateKey}
	}
	end += i + len(footer)
	if dashes := strings.Index(s[end:], "-----"); dashes >= 0 {
		end += dashes + 5
	} else {
		end = len(s)
	}
	return found{start: i, end: end, rule: rulePrivateKey}
}
