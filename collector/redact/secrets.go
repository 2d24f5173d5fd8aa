package redact

import "strings"

// header masks the values of headers whose names are none of a credential: Authorization, Cookie. The name ends at s[end].
func (r *rules) header(s string, i, end, done int) found {
	switch b := s[end-1] | 0x20; {
	case b == 'n' && endsWithFold(s[done:end], "authorization"):
		return r.authorization(s, i)
	case !r.enabled[ruleCredential]:
		return found{}
	case b == 'e' && endsWithFold(s[done:end], "cookie") && s[i] == ':':
		return r.cookie(s, i)
	case b == 'e' && endsWithFold(s[done:end], "value"):
		return r.namedValue(s, i, end, done)
	}
	if s[i] == ':' && strings.HasPrefix(s[i:], "://") {
		return r.userinfo(s, i, done)
	}
	return found{}
}

func endsWithFold(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[len(s)-len(word):], word)
}

// authorization masks the credentials behind a scheme (Basic, Token, Bot, AWS4-HMAC-SHA256 …), or without one. Bearer has its
// own rule, which applies everywhere.
func (r *rules) authorization(s string, i int) found {
	from, quote := valueStart(s, i)
	word := from
	for word < len(s) && (isAlnum(s[word]) || s[word] == '-' || s[word] == '_') {
		word++
	}
	scheme := strings.ToLower(s[from:word])
	if scheme == "bearer" || !r.enabled[ruleBearer] {
		return found{}
	}
	if word < len(s) && s[word] == ' ' && word > from && !hasDigit(scheme) || strings.HasPrefix(scheme, "aws4") {
		for from = word; from < len(s) && s[from] == ' '; {
			from++
		}
	} else {
		scheme = ""
	}
	end := secretEnd
	if scheme == "digest" || strings.HasPrefix(scheme, "aws4") || scheme == "hawk" {
		end = lineEnd
	}
	bound := min(len(s), from+maxLook)
	to := end(s[:bound], from, quote)
	if value := s[from:to]; value == "" || isGap(value) || isPlaceholder(value) || !hasDigit(value) && len(value) < leastToken && scheme != "basic" {
		return found{}
	}
	if to == bound {
		to = end(s, from, quote)
	}
	return found{start: from, end: to, rule: ruleBearer}
}

func lineEnd(s string, from int, quote string) int {
	to := from
	for to < len(s) && s[to] != '\n' && (quote == "" || !strings.HasPrefix(s[to:], quote)) {
		to++
	}
	return to
}

// cookie masks all of a header, which is session=…; theme=…
func (r *rules) cookie(s string, i int) found {
	from, quote := valueStart(s, i)
	name := from
	for name < len(s) && (isAlnum(s[name]) || strings.IndexByte("_-.$", s[name]) >= 0) {
		name++
	}
	if name == from || name == len(s) || s[name] != '=' {
		return found{}
	}
	if value := s[name+1 : min(len(s), name+maxLook)]; value == "" || isGap(value) {
		return found{}
	}
	to := lineEnd(s, from, quote)
	if quote == "" {
		if mark := strings.IndexAny(s[from:to], "\"'`"); mark >= 0 { // curl -H "Cookie: …"
			to = from + mark
		}
	}
	return found{start: from, end: to, rule: ruleCredential}
}

// userinfo masks the password in scheme://user:password@host; i is at the colon of ://.
func (r *rules) userinfo(s string, i, done int) found {
	from := i + len("://")
	end, at := from, -1
	for end < len(s) && end-from < maxLook && strings.IndexByte(" \t\n\"'`<>", s[end]) < 0 {
		if s[end] == '@' {
			at = end
		}
		if (s[end] == '/' || s[end] == '?') && (at >= 0 || !passwordGoesOn(s[from:end])) {
			break
		}
		end++
	}
	if at < 0 {
		return found{}
	}
	colon := strings.IndexByte(s[from:at], ':')
	secret := from + colon + 1
	if colon < 0 && (!looksRandom(s[from:at]) || at-from < leastKey) {
		return found{}
	}
	if secret == at || isGap(s[secret:at]) || secret < done {
		return found{}
	}
	return found{start: secret, end: at, rule: ruleCredential}
}

// passwordGoesOn tells of the beginning of an authority whether it may be a user and a password with a slash in it: what
// follows its colon is no port.
func passwordGoesOn(head string) bool {
	colon := strings.IndexByte(head, ':')
	if colon < 0 || colon+1 == len(head) {
		return false
	}
	for _, b := range []byte(head[colon+1:]) {
		if !isDigit(b) {
			return true
		}
	}
	return false
}

// bearer masks what follows Bearer, and Basic in an Authorization header.
func (r *rules) bearer(s string, i, done int) found {
	scheme, header := "", strings.Contains(s[max(done, i-24):i], "uthorization")
	switch {
	case !r.enabled[ruleBearer] || joined(s, i):
		return found{}
	case hasFold(s, i, "bearer"):
		scheme = "bearer"
	case header && hasFold(s, i, "basic"):
		scheme = "basic"
	default:
		return found{}
	}
	body := i + len(scheme)
	for body < len(s) && strings.IndexByte(" :=\"'\t\n", s[body]) >= 0 {
		body++
	}
	bound := min(len(s), body+maxLook)
	end, digit := run(s[:bound], body, &tokenByte)
	if body == i+len(scheme) || end == body || !header && !secretLike(end-body, 8, digit) || isGap(s[body:end]) || isUpperName(s[body:end]) && !digit {
		return found{}
	}
	if end == bound {
		end, _ = run(s, body, &tokenByte)
	}
	return found{start: body, end: end, rule: ruleBearer}
}

// flag masks what follows --password, --token, curl -u and mysql -p; i is at the dash.
func (r *rules) flag(s string, i, done int) found {
	if i > 0 && !isSpace(s[i-1]) && strings.IndexByte("\"'`,[", s[i-1]) < 0 || i+2 >= len(s) || !r.enabled[ruleCredential] {
		return found{}
	}
	if s[i+1] == '-' {
		end := i + 2
		for end < len(s) && (isAlnum(s[end]) || s[end] == '-' || s[end] == '_') && end-i < maxWord {
			end++
		}
		if end == i+2 || end >= len(s) || strings.IndexByte(" \"'", s[end]) < 0 {
			return found{}
		}
		if hasFold(s, i+2, "user") && end == i+6 || hasFold(s, i+2, "proxy-user") {
			return r.userOf(s, end, "curl")
		}
		if kind := secretKind(s[i+2 : end]); kind != notSecret {
			return r.flagValue(s, end, kind)
		}
		return found{}
	}
	switch {
	case s[i+1] == 'u' && s[i+2] == ' ':
		return r.userOf(s, i+2, before80(s, i))
	case s[i+1] == 'p' && !isSpace(s[i+2]) && isDatabaseClient(before80(s, i)):
		from, quote := valueStart(s, i+1)
		return r.value(s, i, from, quote, secretName)
	case s[i+1] == 'a' && s[i+2] == ' ' && strings.Contains(before80(s, i), "redis-cli"),
		s[i+1] == 'p' && s[i+2] == ' ' && strings.Contains(before80(s, i), "sshpass"),
		s[i+1] == 'p' && s[i+2] == ' ' && strings.Contains(before80(s, i), "docker login"):
		return r.flagValue(s, i+2, secretName)
	}
	return found{}
}

func before80(s string, i int) string { return s[max(0, i-80):i] }

func isDatabaseClient(head string) bool {
	return strings.Contains(head, "mysql") || strings.Contains(head, "mariadb") || strings.Contains(head, "sshpass") || strings.Contains(head, "mongosh")
}

// flagValue reads `--password x`, `"--password", "x"`.
func (r *rules) flagValue(s string, end int, kind nameKind) found {
	for end < len(s) && strings.IndexByte("\"', ", s[end]) >= 0 {
		end++
	}
	if end >= len(s) || s[end] == '-' {
		return found{}
	}
	return r.value(s, end-1, end, "", kind)
}

// userOf masks the password in `curl -u user:password`.
func (r *rules) userOf(s string, end int, head string) found {
	if !strings.Contains(head, "curl") && !strings.Contains(head, "http") && !strings.Contains(head, "wget") {
		return found{}
	}
	for end < len(s) && strings.IndexByte("\"' ", s[end]) >= 0 {
		end++
	}
	to := secretEnd(s, end, "")
	colon := strings.IndexByte(s[end:to], ':')
	if colon < 0 || end+colon+1 == to || isGap(s[end+colon+1:to]) || strings.HasPrefix(s[end+colon:], "://") {
		return found{}
	}
	return found{start: end + colon + 1, end: to, rule: ruleCredential}
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// dsn masks the password in user:password@tcp(host), as Go's driver for MySQL has it.
func (r *rules) dsn(s string, at, done int) found {
	if !strings.HasPrefix(s[at:], "@tcp(") && !strings.HasPrefix(s[at:], "@unix(") || !r.enabled[ruleCredential] {
		return found{}
	}
	start := at
	for start > done && at-start < maxLook && strings.IndexByte(" \"'`\n=", s[start-1]) < 0 {
		start--
	}
	colon := strings.IndexByte(s[start:at], ':')
	if colon < 0 || start+colon+1 == at || isGap(s[start+colon+1:at]) {
		return found{}
	}
	return found{start: start + colon + 1, end: at, rule: ruleCredential}
}
