package redact

import (
	"slices"
	"strings"
)

// credentialWords end the names of secrets: db_password, clientSecret, x-api-key. Of `token` and `key` alone
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
var shortNames = map[string]bool{"pass": true, "pw": true, "psw": true, "pswd": true}

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
