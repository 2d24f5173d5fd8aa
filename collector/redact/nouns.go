package redact

import "strings"

// nouns say of a sentence what its value is; other words say that it tells something else about the noun.
var nouns = func() map[string]noun {
	known := map[string]noun{}
	for kind, list := range map[noun]string{
		passwordNoun: `password passwords passwd passphrase passcode passwort kennwort wachtwoord passe contrasena contraseña senha parola pwd pw sandi clave
			heslo hasło adgangskode lozinka şifre şifrem şifresi lösenord khẩu пароль пароля паролем гасло лозинка סיסמה סיסמא κωδικός parolă`,
		keyNoun:  `apikey secret secrets token tokens credential credentials accesskey secretkey ключ токен schlüssel clé chave chiave`,
		bareNoun: `key keys`,
		aboutNoun: `length size count policy hash version limit id ids expires expiry expiration age reset rotation rotated strength manager generator budget
			usage window page cache primary partition foreign sort public idempotency object`,
	} {
		for _, word := range strings.Fields(list) {
			known[word] = kind
		}
	}
	return known
}()

type noun uint8

const (
	noNoun noun = iota
	passwordNoun
	keyNoun
	bareNoun // key: of an API, or of many other things
	aboutNoun
)

// joinedKeyNouns are looked for within a run of characters.
var joinedKeyNouns = []string{"密钥", "密鑰", "令牌", "キー", "トークン", "مفتاح", "المفتاح", "키는"}

// nounOf returns the noun that a sentence ends with or has near its end.
func nounOf(sentence string) noun {
	foreign := false
	for end := len(sentence); end > 0; {
		start := end
		for start > 0 && isWordByte(sentence[start-1]) {
			foreign = foreign || sentence[start-1] >= 0x80
			start--
		}
		if start == end {
			end--
			continue
		}
		switch kind := foldedNoun(sentence[start:end]); kind {
		case passwordNoun, keyNoun:
			return kind
		case aboutNoun:
			return noNoun
		case bareNoun:
			if start == 0 || foldedNoun(lastWord(sentence[:start])) == aboutNoun {
				return noNoun
			}
			return keyNoun
		}
		end = start
	}
	if foreign {
		return joinedNoun(sentence)
	}
	return noNoun
}

func lastWord(s string) string {
	end := len(s)
	for end > 0 && !isWordByte(s[end-1]) {
		end--
	}
	start := end
	for start > 0 && isWordByte(s[start-1]) {
		start--
	}
	return s[start:end]
}

func foldedNoun(word string) noun {
	var folded [maxWordLen]byte
	if word == "" || len(word) > len(folded) {
		return noNoun
	}
	for k := range len(word) {
		if folded[k] = word[k]; isLetter(word[k]) {
			folded[k] |= 0x20
		}
	}
	if kind := nouns[string(folded[:len(word)])]; kind != noNoun || word[0] < 0x80 {
		return kind
	}
	return nouns[strings.ToLower(word)]
}

func joinedNoun(sentence string) noun {
	for _, one := range foreignNames {
		if strings.Contains(sentence, one) {
			return passwordNoun
		}
	}
	for _, one := range joinedKeyNouns {
		if strings.Contains(sentence, one) {
			return keyNoun
		}
	}
	return noNoun
}
