package redact

import (
	"slices"
	"strings"
)

// credentialWords end the names of what nobody may read: db_password, clientSecret, x-api-key. Of `token` and `key` alone
// only what looks like one is taken: models' answers have their words under that name.
var credentialWords = []string{
	"password", "passwd", "passphrase", "passcode", "pwd", "passw", "secret", "apikey", "accesskey", "secretkey", "privatekey",
	"accountkey", "authkey", "signingkey", "encryptionkey", "masterkey", "subscriptionkey", "sharedkey", "functionskey", "appkey",
	"accesstoken", "refreshtoken", "authtoken", "idtoken", "apitoken", "sessiontoken", "securitytoken", "bearertoken", "vaulttoken",
	"privatetoken", "deploytoken", "bottoken", "personalaccesstoken", "xsrftoken", "csrftoken", "jsessionid", "phpsessid", "aspxauth", "connectsid",
	"passwort", "kennwort", "wachtwoord", "motdepasse", "contrasena", "senha", "katasandi", "losenord", "adgangskode", "salasana",
	"heslo", "haslo", "sifre", "parola", "sandi", "matkhau",
}

// shortNames are names of passwords only where they are all of the name.
var shortNames = map[string]bool{"pass": true, "pw": true, "psw": true, "pswd": true, "pin": false}

// foreignNames are words for a password in letters beyond ASCII.
var foreignNames = []string{
	"contraseña", "contraseñas", "пароль", "пароля", "паролем", "كلمة المرور", "كلمة السر", "كلمة مرور", "الرقم السري", "رمز عبور", "密码", "密碼", "口令", "密钥",
	"パスワード", "パスフレーズ", "暗証番号", "비밀번호", "암호", "पासवर्ड", "รหัสผ่าน", "סיסמה", "סיסמא", "κωδικός", "hasło", "şifre", "şifrem", "şifresi", "parolă",
	"lösenord", "mật khẩu", "гасло", "лозинка",
}

const (
	bareToken    = "token"
	bareKey      = "key"
	maxWord      = 40 // bytes of a name that are looked at
	leastInProse = 8  // characters of a value without a digit, behind a colon: `Password: required` is no secret
	leastToken   = 16
	leastKey     = 20
	maxLook      = 256 // bytes of a value that decide; without a bound a text of nothing else takes quadratic time
)

// plainTokens and plainKeys are names that end in token or key and are no secret: a place in a list, a place in a store.
var (
	plainTokens = []string{"max", "page", "next", "prev", "continuation", "sync", "cursor", "pagination", "stop", "eos", "bos", "pad", "unk", "special", "resume", "first", "last", "per", "cancellation", "change"}
	plainKeys   = []string{"cache", "primary", "partition", "foreign", "sort", "public", "idempotency", "object", "row", "routing", "group", "lookup", "dedup", "dedupe", "s3", "map", "json", "dict", "unique", "candidate", "redis", "hash", "storage", "song", "musical", "turn", "answer", "translation", "i18n", "registry", "message", "record", "index", "blob", "ssh", "host", "join"}
)

// nameKind is what a name says of its value.
type nameKind uint8

const (
	notSecret  nameKind = iota
	secretName          // a password, an api_key
	bareName            // GITHUB_TOKEN, MISTRAL_KEY: only what looks random
	shortName           // pass, pw: only what has digits and letters
	tokenName           // token: that, or anything in token=…
)

// credentialNamed tells whether a name is a credential's, and whether it is no more than `token`.
func credentialNamed(name string) (is, bare bool) {
	kind := secretKind(name)
	return kind == secretName || kind == tokenName, kind == tokenName
}

// foldName leaves the letters and digits at a name's end, in lower case: X-Api-Key is xapikey.
func foldName(name string) string {
	var folded [maxWord]byte
	n := len(folded)
	for i := len(name) - 1; i >= 0 && n > 0; i-- {
		if b := name[i]; isAlnum(b) {
			n--
			if folded[n] = b; isLetter(b) {
				folded[n] |= 0x20
			}
		} else if b != '_' && b != '-' && b != ' ' && b != '.' {
			break
		}
	}
	return string(folded[n:])
}

func secretKind(name string) nameKind {
	if name != "" && name[len(name)-1] >= 0x80 {
		return foreignKind(name)
	}
	word := foldName(name)
	if len(word) >= 2 {
		for _, one := range credentialsEnding[pair(word[len(word)-2], word[len(word)-1])] {
			if strings.HasSuffix(word, one) {
				return secretName
			}
		}
	}
	if shortNames[word] {
		return shortName
	}
	if strings.HasSuffix(word, "pass") && strings.HasSuffix(strings.ToLower(name), "_pass") {
		return secretName
	}
	if word == bareToken {
		return tokenName
	}
	if head, ok := strings.CutSuffix(word, bareToken); ok {
		return unlessEnds(head, plainTokens)
	}
	if head, ok := strings.CutSuffix(word, bareKey); ok && head != "" {
		return unlessEnds(head, plainKeys)
	}
	if word == "sig" || word == "signature" || strings.HasSuffix(word, "xamzsignature") || word == "auth" || strings.HasSuffix(word, "credentials") && word != "credentials" {
		return bareName
	}
	return foreignKind(name)
}

func unlessEnds(head string, plain []string) nameKind {
	for _, one := range plain {
		if strings.HasSuffix(head, one) {
			return notSecret
		}
	}
	return bareName
}

func foreignKind(name string) nameKind {
	for i := range len(name) {
		if name[i] >= 0x80 {
			lower := strings.ToLower(name)
			for _, one := range foreignNames {
				if strings.HasSuffix(lower, one) {
					return secretName
				}
			}
			break
		}
	}
	return notSecret
}

// endsOfCredential has the last three letters of such names: most others are passed over at one look.
var endsOfCredential = func() (set [1 << 15]bool) {
	for _, word := range append([]string{bareToken, bareKey, "pass", "psw", "pswd", "sig", "signature", "auth", "credentials"}, slices.Concat(foreignNames, credentialWords)...) {
		if n := len(word); word[n-1] < 0x80 { // others are looked at without this
			set[triple(word[n-3], word[n-2], word[n-1])] = true
		}
	}
	for b := range 256 {
		set[triple(byte(b), 'p', 'w')] = true
	}
	return set
}()

// mayEndCredential tells of a name that ends at s[end] whether to look at it.
func mayEndCredential(s string, end, done int) bool {
	if s[end-1] >= 0x80 || end < done+3 {
		return true
	}
	return endsOfCredential[triple(s[end-3], s[end-2], s[end-1])]
}

// triple is the same for letters of either case; other bytes may meet them.
func triple(a, b, c byte) int { return int(a&31)<<10 | pair(b, c) }

// credentialsEnding has credentialWords by their last two letters.
var credentialsEnding = func() (by [1 << 10][]string) {
	for _, word := range credentialWords {
		last := pair(word[len(word)-2], word[len(word)-1])
		by[last] = append(by[last], word)
	}
	return by
}()

// pair is the same for letters of either case; other bytes may meet them.
func pair(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// behindName is what may stand between a name and its sign.
var behindName = [256]bool{'"': true, '\'': true, '\\': true, ' ': true, '`': true, ']': true, '*': true}

// credential masks what follows password=, "api_key": and the like; i is at the sign between.
func (r *rules) credential(s string, i, done int) found {
	end := i
	for end > done && i-end < 4 && behindName[s[end-1]] {
		end--
	}
	if end < done+2 || !r.enabled[ruleCredential] {
		return found{}
	}
	if !mayEndCredential(s, end, done) {
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

// isMarker tells of a name that it is what masking left: [private_key].
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

// value masks what stands at s[from:] as the value of a name, with the sign at i.
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

// secretEnd is the end of a value: its closing quote, or what parts values from what follows them.
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

// valueStart is the place behind a sign and what may stand before a value, and the quote that ends it: `=> "`, ` = `, `:\"`.
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

// isValue tells a secret from what else may stand behind its name: a word, a type, code, a gap to be filled in.
func isValue(s string, i, from, to int, quote string, kind nameKind) bool {
	value := s[from:min(to, from+maxLook)]
	if strings.HasPrefix(value, "//") && s[i] == ':' || isMaskedOut(value) || saysNothing(value) || isGap(value) {
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

// isGap tells of what is to be filled in, or was taken out: ${PASSWORD}, <password>, {{ key }}, your-key-here, [credential].
func isGap(value string) bool {
	switch value[0] {
	case '[', '{', '<', '(', '*':
		return true
	case '$':
		if strings.HasPrefix(value, "$$_") {
			return true
		}
		return len(value) > 1 && (value[1] == '{' || value[1] == '(' || isUpperName(value[1:]))
	case '%':
		return len(value) <= 3 || value[len(value)-1] == '%'
	}
	lower := strings.ToLower(value)
	for _, head := range []string{"your", "xxx", "...", "redacted", "placeholder", "insert", "enter_", "replace", "<", "todo", "example_", "secrets.", "vault:", "env.", "ref+", "arn:", "/run/secrets", "file://"} {
		if strings.HasPrefix(lower, head) {
			return true
		}
	}
	return false
}

func isUpperName(value string) bool {
	for i := range len(value) {
		if b := value[i]; !isDigit(b) && b != '_' && (b < 'A' || b > 'Z') {
			return false
		}
	}
	return true
}

// isCode tells of an expression: os.environ["X"], getpass(), settings.api_key, a type, the name passed on as itself.
func isCode(s, value string, to int) bool {
	if strings.ContainsAny(value, "([") || to < len(s) && s[to] == '(' {
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

func saysNothing(value string) bool { return nothings[strings.ToLower(value)] }

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
