package redact

import "strings"

// digits looks at a run of digits for the start of an IBAN (after two letters), a card or a phone number.
func (r *rules) digits(s string, i, done int) found {
	end := i
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if i >= 2 && s[i-1] == '.' && isDigit(s[i-2]) {
		return found{next: end} // the fraction of a number, however long
	}
	if r.enabled[ruleIBAN] && i-2 >= done && end-i >= 2 {
		if to := ibanAt(s, i-2); to > 0 {
			return found{start: i - 2, end: to, rule: ruleIBAN}
		}
	}
	if end-i < 3 && s[i] > '1' && (i == 0 || s[i-1] != '+') {
		return found{next: end} // neither cards nor phone numbers have so few in front, unless after a + or a 0
	}
	if r.enabled[ruleCard] {
		if to := cardAt(s, i); to > 0 {
			return found{start: i, end: to, rule: ruleCard}
		}
	}
	if r.enabled[rulePhone] {
		if from, to := phoneAt(s, i, done); to > 0 {
			return found{start: from, end: to, rule: rulePhone}
		}
	}
	return found{next: end}
}

// separator returns the length of what may stand between the groups of a number: up to 3 blanks or dashes.
func separator(s string, i int) int {
	n := 0
	for n < 3 && i+n < len(s) {
		switch {
		case s[i+n] == ' ' || s[i+n] == '-':
			n++
		case strings.HasPrefix(s[i+n:], "\u00a0"):
			n += 2
		default:
			return n
		}
	}
	return n
}

// cardAt returns the end of a card number that starts at i, or 0: 13 to 19 digits that pass Luhn's check, in one
// run or in groups of 3 to 7, starting as card numbers do (not with 0, 1 or 7: times in ms or ns start with 1).
func cardAt(s string, i int) int {
	if s[i] < '2' || s[i] == '7' {
		return 0
	}
	var number [19]byte
	n, end := 0, 0
	for j := i; ; {
		from := j
		for ; j < len(s) && isDigit(s[j]); j++ {
			if n == len(number) {
				return end
			}
			number[n] = s[j]
			n++
		}
		group := j - from
		alone := n == group
		if !alone && (group < 3 || group > 7) {
			return end
		}
		if n >= 13 && luhn(number[:n]) {
			end = j
		}
		gap := separator(s, j)
		if alone && (group < 3 || group > 7) || gap == 0 || j+gap >= len(s) || !isDigit(s[j+gap]) {
			return end
		}
		j += gap
	}
}

func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func luhnText(s string) bool {
	var digits []byte
	for _, b := range []byte(s) {
		if isDigit(b) {
			digits = append(digits, b)
		}
	}
	return len(digits) > 1 && luhn(digits)
}

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

// ibanAt returns the end of an IBAN that starts at i, or 0.
func ibanAt(s string, i int) int {
	if !isLetter(s[i]) || !isLetter(s[i+1]) || joined(s, i) {
		return 0
	}
	length, ok := ibanLengths[string([]byte{s[i] &^ 0x20, s[i+1] &^ 0x20})]
	if !ok {
		return 0
	}
	var account [34]byte
	n := 0
	for j := i; j < len(s); {
		if !isAlnum(s[j]) {
			gap := separator(s, j)
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
			return j
		}
	}
	return 0
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

// joined tells whether s[i] goes on a word. The n of an escaped line break, as JSON in a string has it, and a
// \u escape are no part of the word after them.
func joined(s string, i int) bool {
	if i == 0 || !isAlnum(s[i-1]) {
		return false
	}
	if i >= 2 && s[i-2] == '\\' && strings.IndexByte("nrtbf", s[i-1]) >= 0 {
		return false
	}
	return !(i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' && isHex(s[i-4]) && isHex(s[i-3]) && isHex(s[i-2]))
}
