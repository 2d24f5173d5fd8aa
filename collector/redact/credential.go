package redact

import "strings"

// behindName holds the characters between a name and its sign.
var behindName = [256]bool{'"': true, '\'': true, '\\': true, ' ': true, '`': true, ']': true, '*': true}

// credential masks what follows password=, "api_key": and the like; i is at the sign between.
func (r *rules) credential(s string, i, done int) found {
	end := i
	for end > done && i-end < 4 && behindName[s[end-1]] {
		end--
	}
	if end < done+2 {
		return found{}
	}
	if !r.enabled[ruleCredential] || !mayEndCredential(s, end, done) {
		return r.header(s, i, end, done)
	}
	start := nameStart(s, end, done)
	kind := secretKind(s[start:end])
	if kind == notSecret || r.isPseudonymAt(s, start, i) || isMarker(s, start, end) {
		return r.header(s, i, end, done)
	}
	from, quote := valueStart(s, i)
	return r.value(s, i, from, quote, kind)
}

// isMarker recognizes a marker of masking: [private_key].
func isMarker(s string, start, end int) bool { return start > 0 && s[start-1] == '[' && s[end] == ']' }

// nameStart goes back over a name, in which single blanks may be: secret access key.
func nameStart(s string, end, done int) int {
	start := end
	for start > done && end-start < maxWord {
		if b := s[start-1]; isAlnum(b) || b == '_' || b == '-' || b >= 0x80 {
			start--
			continue
		}
		if s[start-1] != ' ' || start-2 < done || !isAlnum(s[start-2]) && s[start-2] < 0x80 {
			break
		}
		start--
	}
	return start
}

// value masks the text at s[from:] as the value of a name, with the sign at i.
func (r *rules) value(s string, i, from int, quote string, kind nameKind) found {
	if strings.HasPrefix(s[from:], "-----BEGIN ") && strings.Contains(s[from:min(len(s), from+maxWord)], "PRIVATE KEY") {
		return r.privateKey(s, from)
	}
	bound := min(len(s), from+maxLook)
	to := secretEnd(s[:bound], from, quote)
	if quote != "" && !strings.HasPrefix(s[to:], quote) {
		quote = "" // it opens nothing
	}
	if to == from || !isValue(s, i, from, to, quote, kind) {
		return found{}
	}
	if to == bound {
		to = secretEnd(s, from, quote)
	}
	return found{start: from, end: to, rule: ruleCredential}
}

// secretEnd is the end of a value: its closing quote, or a separator.
func secretEnd(s string, from int, quote string) int {
	if quote != "" {
		for to := from; to < min(len(s), from+maxLook) && s[to] != '\n'; to++ {
			if strings.HasPrefix(s[to:], quote) && (len(quote) > 1 || to == from || s[to-1] != '\\') {
				return to
			}
		}
	}
	to := from
	for to < len(s) && !endsValue[s[to]] {
		to++
	}
	for quote == "" && to > from+1 && strings.IndexByte(".!?:", s[to-1]) >= 0 { // the end of a sentence
		to--
	}
	return to
}

var endsValue = func() (set [256]bool) {
	for _, b := range []byte(" \t\r\n\"'`\\,;&)}]<>|") {
		set[b] = true
	}
	return set
}()

// valueStart is the place behind a sign and characters before a value, and the quote that ends it: `=> "`, ` = `, `:\"`.
func valueStart(s string, i int) (from int, quote string) {
	for i++; i < len(s) && (s[i] == '=' || s[i] == '>'); i++ {
	}
	for i < len(s) && (s[i] == ' ' || s[i] == '*') {
		i++
	}
	from = i
	for i < len(s) && s[i] == '\\' {
		i++
	}
	if i < len(s) && strings.IndexByte("\"'`", s[i]) >= 0 {
		return i + 1, s[from : i+1]
	}
	return i, ""
}

// isValue distinguishes a secret from other text behind its name: a word, a type, code, a placeholder.
func isValue(s string, i, from, to int, quote string, kind nameKind) bool {
	value := s[from:min(to, from+maxLook)]
	if strings.HasPrefix(value, "//") && s[i] == ':' || isMaskedOut(value) || isPlaceholder(value) || isGap(value) {
		return false
	}
	digit := hasDigit(value)
	if kind == bareName || kind == tokenName && (quote != "" || s[i] != '=' || from != i+1) {
		return looksRandom(value)
	}
	if kind == shortName && (!strong(value) || isAllDigits(value)) {
		return false
	}
	if quote != "" {
		return true
	}
	if isCode(s, value, to) || isAllDigits(value) && len(value) < leastTold {
		return false
	}
	if s[i] != ':' || digit || strings.ContainsAny(value, "!@#$%^*~_") {
		return true
	}
	return len(value) >= leastInProse && endsClause(s, to) && !isStateOfSecret(value)
}

func isAllDigits(value string) bool { return strings.Trim(value, "0123456789.,%") == "" }

func isMaskedOut(value string) bool { return strings.Trim(value, " *.-_x•") == "" }

// looksRandom: letters and digits, and so many that no word has them.
func looksRandom(value string) bool {
	digits, letters := 0, 0
	for i := range len(value) {
		switch b := value[i]; {
		case isDigit(b):
			digits++
		case isLetter(b):
			letters++
		case b == ' ' || b == '(':
			return false
		}
	}
	return len(value) >= leastToken && letters >= 2 && (digits >= 2 || digits == 1 && len(value) >= 2*leastToken)
}

// endsClause tells whether nothing of the same sentence follows.
func endsClause(s string, i int) bool {
	for i < len(s) && strings.IndexByte(".!?", s[i]) >= 0 {
		i++
	}
	if i >= len(s) || s[i] != ' ' {
		return true
	}
	return i+1 >= len(s) || !isWordByte(s[i+1])
}

// isGap recognizes placeholders and removed values: ${PASSWORD}, <password>, {{ key }}, your-key-here, [credential].
func isGap(value string) bool {
	switch value[0] {
	case '[', '*':
		return true
	case '{', '<', '(':
		return !isSecretLike(value[1:])
	case '$':
		if strings.HasPrefix(value, "$$_") {
			return true
		}
		return len(value) > 1 && (value[1] == '{' || value[1] == '(' || isUpperName(value[1:]))
	case '%':
		return len(value) <= 3 || value[len(value)-1] == '%'
	}
	lower := strings.ToLower(value)
	for _, head := range []string{"...", "secrets.", "vault:", "env.", "ref+", "arn:", "/run/secrets", "file://"} {
		if strings.HasPrefix(lower, head) {
			return true
		}
	}
	for _, head := range []string{"your", "xxx", "redacted", "placeholder", "insert", "enter_", "replace", "todo", "example_"} {
		if strings.HasPrefix(lower, head) {
			return !isSecretLike(value)
		}
	}
	return false
}

// isSecretLike says whether a value is more than a name for one: a password may begin with a bracket, or with "your".
func isSecretLike(value string) bool {
	return looksRandom(value) || strong(value) && strings.ContainsAny(value, "!@#$%^&*+?")
}

func isUpperName(value string) bool {
	for i := range len(value) {
		if b := value[i]; !isDigit(b) && b != '_' && (b < 'A' || b > 'Z') {
			return false
		}
	}
	return true
}

// isCode recognizes an expression: os.environ["X"], getpass(), settings.api_key, a type, the name passed on as itself.
func isCode(s, value string, to int) bool {
	if head := strings.IndexAny(value, "(["); head > 0 && isCalled(value[:head]) || to < len(s) && s[to] == '(' {
		return true
	}
	word := 0
	for word < len(value) && (isAlnum(value[word]) || value[word] == '_') {
		word++
	}
	if word < len(value) && (strings.HasPrefix(value[word:], "::") || strings.HasPrefix(value[word:], "->")) {
		return true
	}
	if word < len(value) && value[word] == '.' && word+1 < len(value) && (isLetter(value[word+1]) || value[word+1] == '_') &&
		(codeHeads[strings.ToLower(value[:word])] || isPath(value) && secretKind(value) != notSecret) {
		return true
	}
	if word == len(value) && to < len(s) && (s[to] == ',' || s[to] == ')' || s[to] == ';') {
		return secretKind(value) != notSecret
	}
	return false
}

// isCalled recognizes text before a bracket in code: names alone, or with digits where dots join them.
func isCalled(head string) bool {
	for i := range len(head) {
		if b := head[i]; !isAlnum(b) && b != '_' && b != '.' {
			return false
		}
	}
	return isPath(head) || strings.Contains(head, ".")
}

// isPath tells of names joined by dots: stack.settings.database_password.
func isPath(value string) bool {
	for i := range len(value) {
		if b := value[i]; !isLetter(b) && b != '_' && b != '.' {
			return false
		}
	}
	return true
}

var codeHeads = wordMap(`os self this process config settings env req request args options opts params response res data user cfg app ctx context
	getpass secrets system st credentials creds props form body kwargs conf vault dotenv client session state event input payload obj result
	db account login cls var local module data module java net http url module each key model instance field fields schema z yup joi`)

func wordMap(list string) map[string]bool {
	known := map[string]bool{}
	for _, word := range strings.Fields(list) {
		known[word] = true
	}
	return known
}

var nothings = wordMap(`null none nil true false undefined required missing invalid string str text int integer number bool boolean any object bytes
	optional void empty unset hidden masked redacted encrypted password passwort yes no on off enabled disabled default auto n/a na tbd unknown
	incorrect wrong expired forgotten changed reset secretstr varchar char input field label type basic bearer oauth oauth2 login`)

func isPlaceholder(value string) bool { return nothings[strings.ToLower(value)] }

// isStateOfSecret tells of words that say how a password is: "password is expired".
func isStateOfSecret(word string) bool {
	lower := strings.ToLower(word)
	if nothings[lower] || states[lower] {
		return true
	}
	for _, ending := range []string{"ed", "ing", "ly", "able", "ible", "less", "ment", "tion", "ary"} {
		if len(lower) > len(ending)+2 && strings.HasSuffix(lower, ending) {
			return true
		}
	}
	return false
}

var states = wordMap(`weak strong short long correct good bad safe secure insecure valid old new same different ready broken easy hard simple
	complex lost stolen leaked unsafe public private case-sensitive sensitive important sufficient too not still always never only also just
	too-short between at-least minimum maximum characters letters digits here there below above working fine okay secret confidential right what
	how why when where everything nothing something anything mandatory obsolete visible stale unique common familiar ok`)
