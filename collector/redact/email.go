package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"otelgate/collector/jsonscan"
)

var emailByte, domainByte = wordSet("._+-'!#$%*=?^~"), wordSet(".-")

// wordSet takes letters beyond ASCII in, as addresses may.
func wordSet(punctuation string) [256]bool {
	set := byteSet(punctuation)
	for b := 0x80; b < 256; b++ {
		set[b] = true
	}
	return set
}

const (
	maxLocal  = 64 // bytes before the @, RFC 5321
	maxDomain = 255
	maxLabels = 6 // labels that are tried as a domain's last
)

// email looks at the @ in s[at:after], which may be written as [at].
func (r *rules) email(s string, at, after, done int) found {
	if !r.enabled[ruleEmail] || after >= len(s) {
		return found{}
	}
	start := localStart(s, at, done)
	if start == at {
		return found{}
	}
	end := domainEnd(s, after)
	if end == 0 || isRemote(s, start, at, end) {
		return found{}
	}
	return found{start: start, end: end, rule: ruleEmail}
}

// localStart goes back from the @ over what may be a mailbox's name. In scripts without blanks it stops where the script
// changes: 请联系bob@example.com.
func localStart(s string, at, done int) int {
	start, ascii := at, false
	if at > done+2 && s[at-1] == '"' { // "john doe"@example.com
		if quote := strings.LastIndexByte(s[max(done, at-maxLocal):at-1], '"'); quote >= 0 && quote+1 < at-1-max(done, at-maxLocal) {
			if open := max(done, at-maxLocal) + quote; !strings.ContainsAny(s[open+1:at-1], ":,{}[]\n") {
				return open
			}
		}
	}
	for start > done && at-start < maxLocal && emailByte[s[start-1]] {
		if s[start-1] < 0x80 {
			ascii = ascii || isAlnum(s[start-1])
			start--
			continue
		}
		r, width := utf8.DecodeLastRuneInString(s[done:start])
		if ascii && isUnparted(r) || !unicode.IsLetter(r) && !unicode.IsMark(r) && r != utf8.RuneError {
			break
		}
		start -= width
	}
	for start < at && strings.IndexByte(".'-!#$%*=?^~", s[start]) >= 0 {
		start++
	}
	if eq := strings.LastIndexByte(s[start:at], '='); eq >= 0 { // to=bob@example.com
		start += eq + 1
	}
	return start
}

// isUnparted tells of scripts that put no blanks between words.
func isUnparted(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// domainEnd returns the end of a domain name from i on, or 0. Its ending is one that exists, or one that RFC 2606 and
// custom reserve for networks of one's own: x@params.bias is not an address. A literal address may be in brackets.
func domainEnd(s string, i int) int {
	if s[i] == '[' || isDigit(s[i]) {
		if end := literalEnd(s, i); end > 0 {
			return end
		}
	}
	end := i
	for end < len(s) && end-i < maxDomain && domainByte[s[end]] {
		if s[end] >= 0x80 {
			r, width := utf8.DecodeRuneInString(s[end:])
			if isUnparted(r) && end > i && isAlnum(s[end-1]) || !unicode.IsLetter(r) && !unicode.IsMark(r) && r != utf8.RuneError {
				break
			}
			end += width
			continue
		}
		end++
	}
	for range maxLabels {
		for end > i && (s[end-1] == '.' || s[end-1] == '-') {
			end--
		}
		dot := strings.LastIndexByte(s[i:end], '.')
		if dot <= 0 {
			return 0
		}
		if isEnding(s[i:end], s[i+dot+1:end]) {
			if end < len(s) && (s[end] == '(' || s[end] == '_') {
				return 0 // a method of the text before: a@b.dot(c)
			}
			return end
		}
		end = i + dot
	}
	return 0
}

// literalEnd reads an address in numbers: [192.0.2.1], or the same without brackets.
func literalEnd(s string, i int) int {
	k, dots := i, 0
	if s[k] == '[' {
		k++
		if strings.HasPrefix(s[k:], "IPv6:") {
			if end := strings.IndexByte(s[k:min(len(s), k+50)], ']'); end > 0 {
				return k + end + 1
			}
		}
	}
	for k < len(s) && (isDigit(s[k]) || s[k] == '.' && k+1 < len(s) && isDigit(s[k+1])) {
		if s[k] == '.' {
			dots++
		}
		k++
	}
	if dots != 3 || k < len(s) && isAlnum(s[k]) {
		return 0
	}
	if s[i] == '[' {
		if k == len(s) || s[k] != ']' {
			return 0
		}
		k++
	}
	return k
}

var ownEndings = map[string]bool{"example": true, "test": true, "invalid": true, "local": true, "localdomain": true, "internal": true, "corp": true, "lan": true, "intranet": true, "onion": true}

// isEnding tells whether a domain's last label is one. Letters beyond ASCII are taken for one: code has none there.
func isEnding(domain, label string) bool {
	letters, foreign := 0, false
	for k := range len(label) {
		if foreign = foreign || label[k] >= 0x80; isLetter(label[k]) || label[k] >= 0x80 {
			letters++
		}
	}
	if letters < 2 {
		return false
	}
	if foreign {
		return true
	}
	if isHump(label, len(label)-1, len(label)) {
		return false // a.mT transposes
	}
	label = strings.ToLower(label)
	_, known := publicsuffix.PublicSuffix(label)
	return known && !isFile(domain, label) || ownEndings[label] || strings.HasPrefix(label, "xn--")
}

// isFile tells of file names whose ending is a country's, too: icon@2x.md.
func isFile(domain, label string) bool {
	switch label {
	case "md", "sh", "py", "rs", "pl", "ps", "zip", "mov", "so", "cc", "ai":
		return isDigit(domain[0]) && len(domain)-len(label) <= 4
	}
	return false
}

// isRemote tells what only looks like an address: git@github.com:acme/shop, the user in ssh:// and other URLs.
func isRemote(s string, start, at, end int) bool {
	if s[start:at] == "git" && end < len(s) && (s[end] == ':' || s[end] == '/') {
		return true
	}
	head := s[:start]
	if colon := strings.LastIndexByte(head[max(0, start-maxLook):], ':'); colon >= 0 {
		head = head[max(0, start-maxLook):]
		if strings.HasPrefix(head[colon:], "://") && !strings.ContainsAny(head[colon+3:], "/?# \n") {
			return true
		}
	}
	return end < len(s) && s[end] == ':' && end+1 < len(s) && (s[end+1] == '/' || s[end+1] == '~') // scp's host:/path
}

// spelled looks at the bracket of bob [at] example [dot] com.
func (r *rules) spelled(s string, i, done int) found {
	k := i + 1
	for k < len(s) && s[k] == ' ' {
		k++
	}
	if !hasFold(s, k, "at") && (k >= len(s) || s[k] != '@') || !r.enabled[ruleEmail] {
		return found{}
	}
	if k++; s[k-1] != '@' {
		k++
	}
	for k < len(s) && s[k] == ' ' {
		k++
	}
	if k >= len(s) || strings.IndexByte("])}>", s[k]) < 0 {
		return found{}
	}
	return r.spelledOut(s, i, k+1, done)
}

// spelledDot looks at the dot of bob at example dot com.
func (r *rules) spelledDot(s string, i, done int) found {
	if i < 8 || s[i-1] != ' ' || !hasFold(s, i, "dot ") || !r.enabled[ruleEmail] {
		return found{}
	}
	at := strings.LastIndex(strings.ToLower(s[max(done, i-40):i]), " at ")
	if at < 0 {
		return found{}
	}
	at += max(done, i-40)
	return r.spelledOut(s, at, at+4, done)
}

// spelledOut reads a name in front of [at] and a domain behind it, whose dots may be spelled too.
func (r *rules) spelledOut(s string, at, after, done int) found {
	nameEnd := at
	for nameEnd > done && s[nameEnd-1] == ' ' {
		nameEnd--
	}
	start := localStart(s, nameEnd, done)
	for range maxLabels { // john dot smith at …
		dot := dotBefore(s, start, done)
		if dot < 0 {
			break
		}
		before := localStart(s, dot, done)
		if before == dot {
			break
		}
		start = before
	}
	if start == nameEnd {
		return found{}
	}
	var domain []byte
	end := jsonscan.SkipSpace(s, after)
	for range maxLabels {
		from := end
		for end < len(s) && domainByte[s[end]] && end-from < maxDomain {
			end++
		}
		if end == from {
			return found{}
		}
		domain = append(domain, s[from:end]...)
		next := dotAt(s, end)
		if next == 0 {
			break
		}
		domain, end = append(domain, '.'), next
	}
	whole := domainEnd(string(domain), 0)
	if whole == 0 || s[at] == ' ' && !isLetter(domain[1]) {
		return found{}
	}
	return found{start: start, end: end - (len(domain) - whole), rule: ruleEmail}
}

// dotBefore returns the end of the text in front of a spelled dot that ends at s[i], or -1.
func dotBefore(s string, i, done int) int {
	from := max(done, i-12)
	head := strings.TrimRight(s[from:i], " ])}")
	if len(head) < 4 || len(head) == i-from || !strings.EqualFold(head[len(head)-3:], "dot") {
		return -1
	}
	bare := strings.TrimRight(head[:len(head)-3], " [({")
	if len(bare) == len(head)-3 || bare == "" {
		return -1
	}
	return from + len(bare)
}

// dotAt returns the place behind a spelled dot at s[i], or 0.
func dotAt(s string, i int) int {
	k := i
	for k < len(s) && strings.IndexByte(" [({<", s[k]) >= 0 && k-i < 3 {
		k++
	}
	if k == i || k >= len(s) {
		return 0
	}
	switch {
	case hasFold(s, k, "dot"):
		k += 3
	case hasFold(s, k, "punkt"), hasFold(s, k, "punto"), hasFold(s, k, "point"):
		k += 5
	case s[k] == '.' && s[k-1] != ' ':
		k++
	default:
		return 0
	}
	from := k
	for k < len(s) && strings.IndexByte(" ])}>", s[k]) >= 0 && k-from < 3 {
		k++
	}
	if k == from || k >= len(s) || !domainByte[s[k]] {
		return 0
	}
	return k
}

func hasFold(s string, i int, word string) bool {
	return i+len(word) <= len(s) && strings.EqualFold(s[i:i+len(word)], word)
}
