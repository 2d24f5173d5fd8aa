package redact

import "strings"

// number looks at a run of digits for the start of a card or a phone number, for an IBAN (after two letters), and for keys
// that have digits in front.
func (r *rules) number(s string, i, done int) found {
	end := i
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if f := r.ibanBefore(s, i, done); f.end > 0 {
		return f
	}
	if i < 2 || !gapByte[s[i-1]] || s[i-1] == ' ' || !isDigit(s[i-2]) {
		if f := r.told(s, i, done); f.end > 0 {
			return f
		}
	}
	if joined(s, i) {
		return r.digitsInWord(s, i, done)
	}
	if i >= 2 && s[i-1] == '.' && isDigit(s[i-2]) {
		return found{next: end} // the fraction of a number, however long
	}
	if f := r.keyWithDigits(s, i, end); f.end > 0 {
		return f
	}
	return r.grouped(s, i, end, done)
}

// grouped reads the groups of digits from i on as a card or a phone number.
func (r *rules) grouped(s string, i, end, done int) found {
	if end-i < 7 && !digitsFollow(s, end) {
		return found{next: end}
	}
	var n numerals
	n.read(s, i)
	if n.count == 0 || n.upTo[n.count-1] < 7 {
		return found{next: end}
	}
	if n.isDate(s) && !isLinked(s, i) {
		return found{next: n.to[min(2, n.count-1)]}
	}
	if r.enabled[ruleCard] {
		if to := n.card(s, done); to > 0 {
			return found{start: i, end: to, rule: ruleCard}
		}
	}
	if r.enabled[rulePhone] {
		if from, to := n.phone(s, done); to > 0 {
			return found{start: from, end: to, rule: rulePhone}
		}
	}
	return found{next: n.skip(s, end)}
}

// digitsFollow is a quick check: most short numbers are alone.
func digitsFollow(s string, i int) bool {
	for k := i; k < len(s) && k-i <= maxGap; k++ {
		if isDigit(s[k]) {
			return k > i
		}
		if !gapByte[s[k]] {
			return false
		}
	}
	return false
}

// digitsInWord looks at digits behind letters: the word may be a key, or a label that lacks its blank (card4111…). Other
// digits in the word are not a number.
func (r *rules) digitsInWord(s string, i, done int) found {
	if f := r.keyWord(s, i, done); f.end > 0 {
		return f
	}
	end := i
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if strings.HasSuffix(s[:i], "/bot") { // Telegram's API
		if f := r.keyWithDigits(s, i, end); f.end > 0 {
			return f
		}
	}
	if end-i >= 7 && labelled(s, i) {
		return r.grouped(s, i, end, done)
	}
	for end < len(s) && isAlnum(s[end]) {
		end++
	}
	return found{next: end}
}

// joined tells whether s[i] goes on a word.
func joined(s string, i int) bool {
	return i > 0 && (isAlnum(s[i-1]) || s[i-1] == '_')
}
