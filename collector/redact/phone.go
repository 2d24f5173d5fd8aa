package redact

import "strings"

// phoneAt returns where a phone number that has its first digit at i starts and ends, or 0, 0. A run of digits
// alone is no phone number, lest ids become one: it takes a +, a leading 00 or 0, or America's groups of 3, 3, 4.
func phoneAt(s string, i, done int) (start, end int) {
	start = i
	switch {
	case i > done && s[i-1] == '+':
		if end = international(s, i, 8, 15); end > 0 {
			return i - 1, end
		}
	case joined(s, i) || i > 0 && strings.IndexByte("-_/.", s[i-1]) >= 0:
		return 0, 0
	case strings.HasPrefix(s[i:], "00") && i+2 < len(s) && s[i+2] > '0' && isDigit(s[i+2]):
		end = international(s, i, 10, 17)
	case s[i] == '0':
		end = trunk(s, i)
	default:
		end = american(s, i)
	}
	if end == 0 {
		return 0, 0
	}
	if start > done && s[start-1] == '(' && strings.IndexByte(s[start:end], ')') >= 0 {
		start--
	}
	return start, end
}

// groups reads groups of digits, parted by at most two of seps, up to most digits; it returns where the last whole
// group ends, how many digits it took, and how many groups.
func groups(s string, i, most int, seps string) (end, digits, count int) {
	for j := i; j < len(s); {
		from := j
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		if j == from || digits+j-from > most {
			break
		}
		end, digits, count = j, digits+j-from, count+1
		for gap := 0; gap < 2 && j < len(s); gap++ {
			if strings.IndexByte(seps, s[j]) >= 0 {
				j++
			} else if strings.HasPrefix(s[j:], "\u00a0") {
				j += 2
			}
		}
	}
	return end, digits, count
}

func international(s string, i, least, most int) int {
	end, digits, _ := groups(s, i, most, " -./()")
	if digits < least || continues(s, end) {
		return 0
	}
	return end
}

// trunk is a national number with its leading 0: 030 1234567, 06 12 34 56 78, 07911123456. Not a date: 01-02-2025.
func trunk(s string, i int) int {
	end, digits, count := groups(s, i, 12, " -/()")
	if digits < 9 || continues(s, end) || count == 1 && (digits < 10 || digits > 11) {
		return 0
	}
	if len(s) > i+5 && (s[i+2] == '-' || s[i+2] == '/') && s[i+5] == s[i+2] {
		return 0
	}
	return end
}

// american is 3, 3 and 4 digits, after an optional 1: (555) 123-4567, 1-555-123-4567, 555.123.4567.
func american(s string, i int) int {
	if s[i] == '1' && i+1 < len(s) && strings.IndexByte(" -.(", s[i+1]) >= 0 {
		if i++; i+1 < len(s) && s[i] == ' ' && s[i+1] == '(' {
			i++
		}
		if i++; i >= len(s) || !isDigit(s[i]) {
			return 0
		}
	}
	for _, group := range []int{3, 3, 4} {
		for range group {
			if i >= len(s) || !isDigit(s[i]) {
				return 0
			}
			i++
		}
		if group == 4 {
			break
		}
		gap := 0
		for gap < 2 && i+gap < len(s) && strings.IndexByte(" -.)", s[i+gap]) >= 0 {
			gap++
		}
		if gap == 0 {
			if !strings.HasPrefix(s[i:], "\u00a0") {
				return 0
			}
			gap = 2
		}
		i += gap
	}
	if continues(s, i) {
		return 0
	}
	return i
}

// continues tells whether a number goes on at i, so that what was read is only its beginning.
func continues(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	if isAlnum(s[i]) || s[i] == '_' {
		return true
	}
	return (s[i] == '-' || s[i] == '.') && i+1 < len(s) && isDigit(s[i+1])
}
