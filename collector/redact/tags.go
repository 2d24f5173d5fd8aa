package redact

import "strings"

// element masks the text of <password>…</password>; i is at the > of the tag.
func (r *rules) element(s string, i, done int) found {
	if i < 4 || !isLetter(s[i-1]) || !mayEndCredential(s, i, done) || !r.enabled[ruleCredential] {
		return found{}
	}
	start := i
	for start > done && i-start < maxWord && (isAlnum(s[start-1]) || strings.IndexByte("_-.:", s[start-1]) >= 0) {
		start--
	}
	if start == 0 || s[start-1] != '<' || secretKind(s[start:i]) != secretName {
		return found{}
	}
	end := strings.IndexByte(s[i+1:min(len(s), i+1+maxLook)], '<')
	if end <= 0 || !strings.HasPrefix(s[i+1+end:], "</") || isGap(s[i+1:i+1+end]) || isPlaceholder(s[i+1:i+1+end]) || strings.TrimSpace(s[i+1:i+1+end]) == "" {
		return found{}
	}
	return found{start: i + 1, end: i + 1 + end, rule: ruleCredential}
}

// namedValue masks "value": "…" behind "name": "DB_PASSWORD", and value="…" behind key="Password". The name ends at s[end].
func (r *rules) namedValue(s string, i, end, done int) found {
	head := s[max(done, end-maxSentence) : end-len("value")]
	head = strings.TrimRight(head, " \t\n\\\"',")
	open := strings.LastIndexAny(head, "\"': ")
	if open < 0 {
		return found{}
	}
	kind := secretKind(head[open+1:])
	if kind == notSecret || strings.ContainsAny(head[open+1:], "{}") {
		return found{}
	}
	from, quote := valueStart(s, i)
	return r.value(s, i, from, quote, kind)
}
