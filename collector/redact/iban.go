package redact

import "strings"

// Lengths by country, from the IBAN registry (ISO 13616).
var ibanLengths = func() map[string]int {
	lengths := map[string]int{}
	for length, countries := range map[int]string{
		15: "NO", 16: "BE", 18: "DK FO FI GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
		22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM TL SO", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
		25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB PL SV NI",
		29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
	} {
		for _, country := range strings.Fields(countries) {
			lengths[country] = length
		}
	}
	lengths["MN"] = 20
	return lengths
}()

// ibanBefore looks for an IBAN whose country's letters are in front of the digits at i.
func (r *rules) ibanBefore(s string, i, done int) found {
	start := i - 2
	if start >= done+1 && s[i-1] == ' ' { // DE 89 3704 …
		start--
	}
	if start < done || !isLetter(s[start]) || !isLetter(s[start+1]) || !r.enabled[ruleIBAN] {
		return found{}
	}
	if to := ibanAt(s, start); to > 0 {
		return found{start: start, end: to, rule: ruleIBAN}
	}
	return found{}
}

// ibanAt returns the end of an IBAN that starts at i, or 0.
func ibanAt(s string, i int) int {
	if joined(s, i) && (i < 4 || !strings.EqualFold(s[i-4:i], "iban")) {
		return 0
	}
	length, ok := ibanLengths[string([]byte{s[i] &^ 0x20, s[i+1] &^ 0x20})]
	if !ok {
		return 0
	}
	if i > 1 && s[i-1] == '-' && isAlnum(s[i-2]) {
		return 0 // the middle of a UUID
	}
	var account [34]byte
	n := 0
	for j := i; j < len(s); {
		if !isAlnum(s[j]) {
			gap := ibanGap(s, j)
			if gap == 0 {
				return 0
			}
			j += gap
			continue
		}
		account[n] = s[j]
		n, j = n+1, j+1
		if n == length {
			if j < len(s) && isAlnum(s[j]) || !mod97(account[:n]) {
				return 0
			}
			if !isDigit(account[2]) || !isDigit(account[3]) {
				return 0
			}
			return j
		}
	}
	return 0
}

// ibanGap returns the length of a gap between the groups of an IBAN.
func ibanGap(s string, i int) int {
	n := 0
	for n < maxGap && i+n < len(s) && strings.IndexByte(" -./_\n\t", s[i+n]) >= 0 {
		n++
	}
	return n
}

// mod97 is ISO 7064's check: the first four characters go last, letters count as 10 to 35, the rest is 1.
func mod97(account []byte) bool {
	rest := 0
	for k := range account {
		b := account[(k+4)%len(account)]
		if isDigit(b) {
			rest = (rest*10 + int(b-'0')) % 97
		} else {
			rest = (rest*100 + int(b&^0x20-'A') + 10) % 97
		}
	}
	return rest == 1
}

func ibanText(s string) bool {
	var account []byte
	for _, b := range []byte(s) {
		if isAlnum(b) {
			account = append(account, b)
		}
	}
	return len(account) >= 15 && mod97(account)
}
