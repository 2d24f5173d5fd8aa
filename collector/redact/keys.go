package redact

import "strings"

// apiKey looks for a vendor's format around s[i], a byte that some prefix has.
func (r *rules) apiKey(s string, i, done int) found {
	if i < 2 || !r.enabled[ruleAPIKey] {
		return found{}
	}
	if pairs := keys.triggers[s[i]]; pairs != nil && pairs.has(s[i-2], s[i-1]) {
		if f := prefixed(s, i, done); f.end > 0 {
			return f
		}
	}
	for k := range keys.infixes[s[i]] {
		if f := keys.infixes[s[i]][k].around(s, i, done); f.end > 0 {
			return f
		}
	}
	return found{}
}

func prefixed(s string, i, done int) found {
	formats := keys.byPair[[3]byte{s[i-2], s[i-1], s[i]}]
	for k := range formats {
		start := i - formats[k].at
		if start < done || joined(s, start) {
			continue
		}
		if end := formats[k].end(s, start); end > start {
			return found{start: start, end: end, rule: ruleAPIKey}
		}
	}
	return found{}
}

// around looks at a format's infix at s[i].
func (f *keyFormat) around(s string, i, done int) found {
	if i -= f.at; i-f.most < done || !f.before[s[i-1]] || !f.before[s[i-f.most]] || !strings.HasPrefix(s[i:], f.literal) {
		return found{}
	}
	start := i
	for start > done && f.before[s[start-1]] && i-start < 2*f.most {
		start--
	}
	if i-start < f.most || joined(s, start) || !hasDigit(s[start:i]) {
		return found{}
	}
	end, _ := run(s, i+len(f.literal), f.rest)
	if end-i-len(f.literal) < f.least {
		return found{}
	}
	return found{start: start, end: end, rule: ruleAPIKey}
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

// keyWithDigits looks at digits at s[i:end] for keys that begin with some: a Telegram bot's, 1//0…
func (r *rules) keyWithDigits(s string, i, end int) found {
	if !r.enabled[ruleAPIKey] || end == len(s) || s[end] != ':' && s[end] != '/' && !isLetter(s[end]) {
		return found{}
	}
	const leastID, mostID, leastBody = 8, 10, 33
	if s[end] == ':' && end-i >= leastID && end-i <= mostID {
		if body, _ := run(s, end+1, &keyByte); body-end > leastBody && s[end+1] == 'A' {
			return found{start: i, end: body, rule: ruleAPIKey}
		}
	}
	for k := range keys.byDigit {
		if to := keys.byDigit[k].end(s, i); to > i {
			return found{start: i, end: to, rule: ruleAPIKey}
		}
	}
	return found{}
}

const maxKeyWord = 64 // bytes in front of a key's first digit that are looked at

// keyWord looks at the word that has a digit at s[i], for keys whose prefix is of letters alone, and for what only the words
// before it tell.
func (r *rules) keyWord(s string, i, done int) found {
	if !r.enabled[ruleAPIKey] {
		return found{}
	}
	start := i
	for start > done && i-start < maxKeyWord && isAlnum(s[start-1]) {
		start--
	}
	if start == i || start > 0 && (s[start-1] == '_' && start-1 >= done || isAlnum(s[start-1])) {
		return found{}
	}
	if end := letterKey(s, start); end > start {
		return found{start: start, end: end, rule: ruleAPIKey}
	}
	for start > done && i-start < maxKeyWord && (isAlnum(s[start-1]) || s[start-1] == '+' || s[start-1] == '/') {
		start-- // base64 has signs between its letters
	}
	if end := letterKey(s, start); end > start {
		return found{start: start, end: end, rule: ruleAPIKey}
	}
	return found{}
}

// letterKey returns the end of a key at s[start:] whose prefix is of letters alone, or 0.
func letterKey(s string, start int) int {
	if start+2 > len(s) || !keys.letters.has(s[start], s[start+1]) {
		return 0
	}
	formats := keys.byLetters[s[start:start+2]]
	for k := range formats {
		if end := formats[k].end(s, start); end > start {
			return end
		}
	}
	return 0
}

// dotted looks at a dot of a Discord bot's token: an id, a time and a MAC in base64.
func (r *rules) dotted(s string, i, done int) found {
	if i+1 < len(s) && keyByte[s[i+1]] && i > 0 && keyByte[s[i-1]] && r.enabled[ruleAPIKey] {
		const leastID, mostID, leastMAC = 23, 30, 25
		second, _ := run(s, i+1, &keyByte)
		if length := second - i - 1; (length == 6 || length == 7) && second < len(s) && s[second] == '.' && i-leastID >= done {
			start := i
			for start > done && i-start <= mostID && keyByte[s[start-1]] {
				start--
			}
			end, _ := run(s, second+1, &keyByte)
			if i-start >= leastID && i-start <= mostID && end-second > leastMAC {
				return found{start: start, end: end, rule: ruleAPIKey}
			}
		}
	}
	return r.apiKey(s, i, done)
}

// jwt looks for eyJ….eyJ….…: the two parts in front are JSON. The last may be missing, and of five parts all go.
func (r *rules) jwt(s string, i, done int) found {
	start := i - 2
	if !r.enabled[ruleJWT] || start < done || s[start:i] != "ey" || joined(s, start) {
		return r.apiKeyAt(s, i, done)
	}
	header := jwtPart(s, start)
	if header-start < 8 || header >= len(s) || s[header] != '.' {
		return r.apiKeyAt(s, i, done)
	}
	payload, _ := run(s, header+1, &keyByte)
	if payload >= len(s) || s[payload] != '.' || payload-header < 5 && !strings.HasPrefix(s[header:], "..") {
		return found{}
	}
	end, _ := run(s, payload+1, &dottedByte)
	for s[end-1] == '.' && end > payload+1 {
		end--
	}
	return found{start: start, end: end, rule: ruleJWT}
}

// apiKeyAt looks at keys that begin with eyJ without being a JWT.
func (r *rules) apiKeyAt(s string, i, done int) found {
	if start := i - 2; start >= done && r.enabled[ruleAPIKey] && !joined(s, start) {
		if end := letterKey(s, start); end > start {
			return found{start: start, end: end, rule: ruleAPIKey}
		}
	}
	return found{}
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
