package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/text/unicode/norm"

	"otelgate/collector/fault"
	"otelgate/collector/operatorfile"
)

// Masking an id by a constant would make different people the same one. With a key, an id that is personal data becomes
// `[email:3f9a…]`: the same in every store and signal, and without the key the address cannot be found. The audit sink's
// `forget` computes the same pseudonym of the id that it is given (audit/otelgate_audit/model/pseudonyms.py).

const (
	minKey         = 16 // bytes
	pseudonymBytes = 8
	maxTries       = 8 // a digest that looks like a number of a card is made again
)

// readKey reads the key of pseudonyms; without a file there is none.
func readKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	content, err := operatorfile.Load("pseudonym_key_file", file)
	if err != nil {
		return nil, err
	}
	key := bytes.TrimSpace(content)
	if len(key) < minKey {
		return nil, fault.Of("pseudonym_key_file", file, "a key of at least %d characters, the file has %d", minKey, len(key))
	}
	return key, nil
}

// maskID masks the value of an attribute that tells who or which.
func (p *pass) maskID(v pcommon.Value) {
	s := v.Str()
	if s == "" || isDigest(s) {
		return
	}
	if masked := p.mask(s); masked != s {
		v.SetStr(p.rules.pseudonym(s, masked))
	}
}

// pseudonym of an id of which masking made something else, or that where there is no key.
func (r *rules) pseudonym(s, masked string) string {
	if r.key == nil {
		return masked
	}
	rule := r.firstRule(masked)
	s = canonical(rule, s)
	scratch := make([]int64, len(r.names))
	for try := range maxTries {
		made := "[" + rule + ":" + r.digest(s, try) + "]"
		if r.mask(made, scratch) == made {
			return made
		}
	}
	return masked // an operator's rule finds all of them
}

// canonical is one spelling for all of an address or a number, so that a person who is written in two ways is one, and is
// found by either: e-mail in lower case and composed, phones and cards as digits, `00` before a country as `+`. An id
// that holds other text in addition to its number stays as it is.
func canonical(rule, s string) string {
	folded := norm.NFKC.String(s)
	switch rule {
	case "email":
		return strings.ToLower(folded)
	case "phone", "card":
		var number strings.Builder
		for _, c := range folded {
			switch {
			case c >= '0' && c <= '9', c == '+' && number.Len() == 0:
				number.WriteRune(c)
			case !unicode.In(c, unicode.Zs, unicode.Pd) && !strings.ContainsRune("()./", c):
				return s
			}
		}
		if abroad, ok := strings.CutPrefix(number.String(), "00"); ok {
			return "+" + abroad
		}
		return number.String()
	}
	return s
}

func (r *rules) digest(s string, try int) string {
	sum := hmac.New(sha256.New, r.key)
	sum.Write([]byte(s))
	if try > 0 {
		sum.Write([]byte("\x00" + strconv.Itoa(try)))
	}
	return hex.EncodeToString(sum.Sum(nil)[:pseudonymBytes])
}

// isPseudonymAt says of `name:` at s[start:colon] that it is the beginning of a pseudonym, which stays as it is.
func (r *rules) isPseudonymAt(s string, start, colon int) bool {
	end := colon + 1 + 2*pseudonymBytes
	if start == 0 || s[start-1] != '[' || end >= len(s) || s[end] != ']' || !slices.Contains(r.names, s[start:colon]) {
		return false
	}
	for _, b := range []byte(s[colon+1 : end]) {
		if !isHex(b) {
			return false
		}
	}
	return true
}

// firstRule is the name of the rule whose marker comes first.
func (r *rules) firstRule(masked string) string {
	first, name := len(masked), "id"
	for i, marker := range r.markers {
		if at := strings.Index(masked, marker); at >= 0 && at < first {
			first, name = at, r.names[i]
		}
	}
	return name
}

// isDigest tells a UUID or a hash, in which a rule for numbers may find one by chance.
func isDigest(s string) bool {
	digits, letters := 0, 0
	for i := range len(s) {
		switch {
		case isDigit(s[i]):
			digits++
		case isHex(s[i]):
			letters++
		case s[i] != '-' || len(s) != 36:
			return false
		}
	}
	switch digits + letters {
	case 32, 40, 64:
		return letters > 0
	}
	return false
}
