package redact

import "strings"

// Secrets in sentences: "my password is hunter2", "the API key for staging is …", "contraseña es …".

var links = wordMap(`is ist es est è é e are was to lautet adalah là er är jest olarak é: это هي هو to: is: = - -> → =>`)

// joinedLinks precede a value without a blank.
var joinedLinks = []string{"是", "为", "為", "は", "が", "는", "은", "：", "是：", "为："}

const (
	maxSentence = 72 // bytes in front of a value in which its noun is searched
	leastTold   = 4
)

// told looks whether the word around s[i], which has a digit, is what a sentence says a password or a key is.
func (r *rules) told(s string, i, done int) found {
	const longest = 48
	start := i
	for start > done && i-start < longest && !endsValue[s[start-1]] && s[start-1] < 0x80 && s[start-1] != ':' && s[start-1] != '=' {
		if start--; isDigit(s[start]) {
			return found{} // looked at from its first digit
		}
	}
	quote, before := "", start
	if start > done && strings.IndexByte("\"'`", s[start-1]) >= 0 {
		quote, before = s[start-1:start], start-1
	}
	if before == 0 || s[before-1] != ' ' && s[before-1] < 0x80 {
		return found{}
	}
	link := linkBefore(s, before)
	if link < 0 || !r.enabled[ruleCredential] && !r.enabled[ruleAPIKey] {
		return found{}
	}
	end := secretEnd(s[:min(len(s), start+maxLook)], start, quote)
	value := s[start:end]
	if len(value) < leastTold || isGap(value) || strings.ContainsAny(value, "[]") || isMeasured(s, end) || isPlaceholder(value) {
		return found{}
	}
	sentence := s[max(0, link-maxSentence):link]
	if line := strings.LastIndexAny(sentence, "\n;"); line >= 0 {
		sentence = sentence[line+1:]
	}
	switch kind := nounOf(sentence); {
	case r.enabled[ruleCredential] && kind == passwordNoun && strong(value) && !countsLetters(s, end):
		return found{start: start, end: end, rule: ruleCredential}
	case r.enabled[ruleAPIKey] && kind == keyNoun && looksRandom(value):
		return found{start: start, end: end, rule: ruleAPIKey}
	}
	return found{}
}

// linkBefore returns where the link in front of a value begins, or -1: "is", "=", or the noun itself (password hunter2).
func linkBefore(s string, i int) int {
	if i > 2 && s[i-1] >= 0x80 {
		for _, link := range joinedLinks {
			if strings.HasSuffix(s[:i], link) {
				return i - len(link)
			}
		}
	}
	end := i
	for end > 0 && s[end-1] == ' ' {
		end--
	}
	if end == i || end == 0 {
		return -1
	}
	start := end
	for start > 0 && s[start-1] != ' ' && s[start-1] != '\n' && end-start < 24 {
		start--
	}
	word := s[start:end]
	if word == "" {
		return -1
	}
	if word[len(word)-1] >= 0x80 {
		for _, link := range joinedLinks { // 비밀번호는 …
			if strings.HasSuffix(word, link) {
				return end - len(link)
			}
		}
	}
	switch {
	case len(word) <= 6 && links[strings.ToLower(word)]:
		return start
	case isWordByte(word[len(word)-1]) && len(word) >= 3 && secretKind(word) == secretName:
		return end
	}
	return -1
}

// countsLetters tells of a number that says how many: "12 characters".
func countsLetters(s string, end int) bool {
	rest := strings.ToLower(s[end:min(len(s), end+12)])
	for _, unit := range []string{" char", " letter", " digit", " symbol", " byte", " bit", " day", " time", "-char", " attempt", " hour", " minute"} {
		if strings.HasPrefix(rest, unit) {
			return true
		}
	}
	return false
}

// strong tells of a value that it is no word of the language: it has a digit, a sign or a capital within.
func strong(value string) bool {
	if len(value) < leastTold || isHashName(value) {
		return false
	}
	for i := range len(value) {
		if b := value[i]; isDigit(b) || strings.IndexByte("!@#$%^&*_+?", b) >= 0 || i > 0 && 'A' <= b && b <= 'Z' && isLetter(value[i-1]) && value[i-1] >= 'a' {
			return true
		}
	}
	return false
}

func isHashName(value string) bool {
	switch strings.ToLower(strings.ReplaceAll(value, "-", "")) {
	case "sha256", "sha512", "sha1", "md5", "argon2", "argon2id", "pbkdf2", "base64", "oauth2", "rsa2048", "rsa4096", "aes256", "ed25519", "1password":
		return true
	}
	return false
}

// identified masks what follows SQL's IDENTIFIED BY; i is at a capital I.
func (r *rules) identified(s string, i int) found {
	const words = "IDENTIFIED BY "
	if !strings.HasPrefix(s[i:], words) || !r.enabled[ruleCredential] {
		return found{}
	}
	i += len(words)
	if strings.HasPrefix(s[i:], "PASSWORD ") {
		i += len("PASSWORD ")
	}
	from, quote := valueStart(s, i-1)
	return r.value(s, i-1, from, quote, secretName)
}

var spokenNouns = wordMap(`password passwords passwort kennwort wachtwoord pwd passwd`)

// spoken looks at the w of a password: what follows may have no digit.
func (r *rules) spoken(s string, i, done int) found {
	end := i
	for end < len(s) && isLetter(s[end]) && end-i < 8 {
		end++
	}
	start := i
	for start > done && isLetter(s[start-1]) && i-start < 8 {
		start--
	}
	if end-start < 3 || end-start > 10 || !r.enabled[ruleCredential] || !spokenNouns[strings.ToLower(s[start:end])] {
		return found{}
	}
	if end+1 < len(s) && s[end] == ' ' && strings.IndexByte("\"'`", s[end+1]) >= 0 { // WITH PASSWORD 'x'
		if to := secretEnd(s[:min(len(s), end+maxLook)], end+2, s[end+1:end+2]); strong(s[end+2:to]) && to < len(s) && !isGap(s[end+2:to]) {
			return found{start: end + 2, end: to, rule: ruleCredential}
		}
	}
	return r.afterLink(s, end)
}

// afterLink looks for "is" behind a noun within a few words, and at what it says.
func (r *rules) afterLink(s string, i int) found {
	for word := range 7 {
		if i >= len(s) || s[i] != ' ' {
			return found{}
		}
		start := i + 1
		end := start
		for end < len(s) && isWordByte(s[end]) && end-start < 16 {
			end++
		}
		if end == start || word > 0 && states[strings.ToLower(s[start:end])] {
			return found{}
		}
		switch strings.ToLower(s[start:end]) {
		case "is", "ist", "lautet", "to", "was", "auf":
			if f := r.saidValue(s, end); f.end > 0 || !strings.EqualFold(s[start:end], "to") {
				return f
			}
		}
		i = end
	}
	return found{}
}

func (r *rules) saidValue(s string, i int) found {
	if i >= len(s) || s[i] != ' ' && s[i] != ':' {
		return found{}
	}
	from, quote := valueStart(s, i)
	to := secretEnd(s[:min(len(s), from+maxLook)], from, quote)
	if to-from < leastTold || isGap(s[from:to]) || isPlaceholder(s[from:to]) || countsLetters(s, to) {
		return found{}
	}
	value := s[from:to]
	plain := quote != "" || len(value) >= 6 && endsClause(s, to) && !isStateOfSecret(value) && isLower(value)
	if !strong(value) && !plain || isCode(s, value, to) {
		return found{}
	}
	return found{start: from, end: to, rule: ruleCredential}
}

func isLower(value string) bool {
	for i := range len(value) {
		if b := value[i]; (b < 'a' || b > 'z') && b != '-' {
			return false
		}
	}
	return true
}
