package redact

import "strings"

// credentialWords end the names of what nobody may read: db_password, clientSecret, x-api-key. Of `token` alone only
// what looks like one is taken: models' answers have their words under that name.
var credentialWords = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "apikey", "accesskey", "secretkey", "privatekey",
	"accesstoken", "refreshtoken", "authtoken", "idtoken", "apitoken", "sessiontoken", "bearertoken",
}

const (
	bareToken    = "token"
	maxWord      = 40 // bytes of a name that are looked at
	leastInProse = 8  // characters of a value without a digit, behind a colon: `Password: required` is no secret
	leastToken   = 16
	maxLook      = 256 // bytes of a value that decide; without a bound a text of nothing else takes quadratic time
)

// credentialNamed tells whether a name is a credential's, and whether it is no more than `token`.
func credentialNamed(name string) (is, bare bool) {
	var folded [maxWord]byte
	n := len(folded)
	for i := len(name) - 1; i >= 0 && n > 0; i-- {
		if b := name[i]; isAlnum(b) {
			n--
			if folded[n] = b; isLetter(b) {
				folded[n] |= 0x20
			}
		} else if b != '_' && b != '-' {
			break
		}
	}
	word := string(folded[n:])
	for _, one := range credentialWords {
		if strings.HasSuffix(word, one) {
			return true, false
		}
	}
	return word == bareToken, word == bareToken
}

// endsOfCredential has the pairs of letters that such names end with: most others are passed over at one look.
var endsOfCredential = func() (set [1 << 10]bool) {
	for _, word := range append([]string{bareToken}, credentialWords...) {
		set[pair(word[len(word)-2], word[len(word)-1])] = true
	}
	return set
}()

// pair is the same for letters of either case; other bytes may meet them.
func pair(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// behindName is what may stand between a name and its sign.
var behindName = [256]bool{'"': true, '\'': true, '\\': true, ' ': true}

// credential masks what follows password=, "api_key": and the like; i is at the sign between.
func (r *rules) credential(s string, i, done int) found {
	end := i
	for end > done && i-end < 4 && behindName[s[end-1]] {
		end--
	}
	if end < done+3 || !endsOfCredential[pair(s[end-2], s[end-1])] || !r.enabled[ruleCredential] {
		return found{}
	}
	start := end
	for start > done && end-start < maxWord && (isAlnum(s[start-1]) || s[start-1] == '_' || s[start-1] == '-') {
		start--
	}
	is, bare := credentialNamed(s[start:end])
	if !is || r.isPseudonymAt(s, start, i) {
		return found{}
	}
	from, quoted := valueStart(s, i)
	to, digit := from, false
	for to < min(len(s), from+maxLook) && !endsValue[s[to]] {
		digit = digit || isDigit(s[to])
		to++
	}
	if to == from || s[from] == '[' || s[from] == '*' || strings.HasPrefix(s[from:], "//") || saysNothing(s[from:to]) {
		return found{}
	}
	switch length := to - from; {
	case bare && (s[i] == ':' || quoted) && !(digit && length >= leastToken):
		return found{}
	case s[i] == ':' && !quoted && !digit && length < leastInProse:
		return found{}
	}
	for to < len(s) && !endsValue[s[to]] {
		to++
	}
	return found{start: from, end: to, rule: ruleCredential}
}

var endsValue = func() (set [256]bool) {
	for _, b := range []byte(" \t\r\n\"'`\\,;&)}]<>|") {
		set[b] = true
	}
	return set
}()

// valueStart is the place behind a sign and what may stand before a value: `=> "`, ` = `, `:\"`.
func valueStart(s string, i int) (from int, quoted bool) {
	for i++; i < len(s) && (s[i] == '=' || s[i] == '>'); i++ {
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	for i < len(s) && s[i] == '\\' {
		i++
	}
	if i < len(s) && (s[i] == '"' || s[i] == '\'') {
		return i + 1, true
	}
	return i, false
}

func saysNothing(value string) bool {
	switch strings.ToLower(value) {
	case "null", "none", "nil", "true", "false", "undefined", "required", "missing", "invalid":
		return true
	}
	return false
}
