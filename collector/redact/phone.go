package redact

import "strings"

// phone returns where a phone number that has its first digit in the first group starts and ends, or 0, 0.
func (n *numerals) phone(s string, done int) (start, end int) {
	start = n.from[0]
	if start > done && s[start-1] == '+' {
		if end = n.international(s, 0); end == 0 || !freePlus(s, start-1) {
			return 0, 0
		}
		return start - 1, end
	}
	linked := isLinked(s, start)
	if !linked && !beginsHere(s, start) {
		return 0, 0
	}
	end = n.national(s, linked)
	if end == 0 || isMeasured(s, end) || inHex(s, start, end) {
		return 0, 0
	}
	if start > done && s[start-1] == '(' && strings.IndexByte(s[start:end], ')') >= 0 {
		start--
	}
	return start, end
}

// freePlus tells a + in front of a number from that of a sum.
func freePlus(s string, plus int) bool {
	return plus == 0 || !isAlnum(s[plus-1]) && s[plus-1] != ')' && s[plus-1] != ']' || labelled(s, plus)
}

// beginsHere refuses what goes on something: the middle of an id, a path, a sum of money.
func beginsHere(s string, start int) bool {
	if start == 0 {
		return true
	}
	switch b := s[start-1]; b {
	case '-', '.', '/', '\\', '~', '*', '^':
		return start >= 2 && s[start-2] == ' ' && b == '-' || b == '*' || b == '~'
	case '_', '$', '#', '%', '@', ',':
		return b == ',' && start >= 2 && !isDigit(s[start-2])
	}
	return !strings.HasSuffix(s[:start], "€") && !strings.HasSuffix(s[:start], "£") && !strings.HasSuffix(s[:start], "¥") &&
		!strings.HasSuffix(s[:start], "₹") && (!joined(s, start) || labelled(s, start))
}

// isLinked tells of links that have phone numbers: tel:, wa.me/, phone=.
func isLinked(s string, start int) bool {
	const longest = 24
	if start == 0 || strings.IndexByte(":/=", s[start-1]) < 0 {
		return false
	}
	head := s[max(0, start-longest):start]
	for _, link := range []string{"tel:", "wa.me/", "sms:", "callto:", "phone=", "telprompt:", "viber://chat?number=", "t.me/"} {
		if strings.HasSuffix(head, link) {
			return true
		}
	}
	return false
}

// measures follow numbers that count something.
var measures = map[string]bool{
	"views": true, "view": true, "followers": true, "likes": true, "users": true, "tokens": true, "bytes": true, "ms": true, "ns": true,
	"us": true, "s": true, "sec": true, "seconds": true, "usd": true, "eur": true, "gbp": true, "aed": true, "egp": true, "sar": true, "inr": true,
	"items": true, "rows": true, "people": true, "km": true, "m": true, "kg": true, "kb": true, "mb": true, "gb": true, "kwh": true,
	"records": true, "requests": true, "parameters": true, "params": true, "dollars": true, "euros": true, "downloads": true, "times": true,
	"lines": true, "points": true, "pixels": true, "px": true, "samples": true, "steps": true, "votes": true, "inhabitants": true, "visitors": true,
}

// isMeasured tells whether a unit follows.
func isMeasured(s string, end int) bool {
	i := end
	if i < len(s) && s[i] == ' ' {
		i++
	}
	if i < len(s) && (s[i] == '%' || strings.HasPrefix(s[i:], "€") || strings.HasPrefix(s[i:], "£")) {
		return true
	}
	word := i
	for word < len(s) && isLetter(s[word]) && word-i < 12 {
		word++
	}
	return measures[strings.ToLower(s[i:word])]
}

// international is the end of a number with its country code, of which skip digits say only that one comes (00).
func (n *numerals) international(s string, skip int) int {
	for last := n.count - 1; last >= 0; last-- {
		total := n.upTo[last] - skip
		if total > 16 || !n.phoneGaps(s, last) {
			continue
		}
		if total < 7 {
			return 0
		}
		if n.hasCountry(s, skip, last) && !goesOn(s, n.to[last]) && !isMeasured(s, n.to[last]) {
			return n.to[last]
		}
	}
	return 0
}

func (n *numerals) hasCountry(s string, skip, last int) bool {
	code := 0
	for k := 1; k <= 3; k++ {
		code = code*10 + int(n.digits[skip+k-1]-'0')
		lengths, ok := callingCodes[code]
		if !ok {
			continue
		}
		rest := n.digits[skip+k : n.upTo[last]]
		if len(rest) > lengths[1] && rest[0] == '0' {
			rest = rest[1:] // +44 (0)20 …
		}
		if code == 1 && (rest[0] < '2' || len(rest) > 1 && rest[1] == '9') {
			return false
		}
		return len(rest) >= lengths[0] && len(rest) <= lengths[1] && !allZero(rest[1:])
	}
	return false
}

func allZero(digits []byte) bool {
	for _, d := range digits {
		if d != '0' {
			return false
		}
	}
	return true
}

// phoneGaps tells whether the groups up to last are parted as those of phone numbers are.
func (n *numerals) phoneGaps(s string, last int) bool {
	for k := range last {
		if gap := n.gap(s, k); strings.Trim(gap, " -./()") != "" || gap == ". " || gap == ".." {
			return false
		}
	}
	return true
}

// national is the end of a number without its country's code, or 0. A number in the form of some country's numbers
// is one, unless the words before it contradict; any other form needs a word that confirms it.
func (n *numerals) national(s string, linked bool) int {
	said := phoneTopic
	if !linked {
		said = before(s, n.from[0])
	}
	if said == noTopic || said == callTopic {
		last := n.count - 1
		for n.upTo[last] > 15 && last > 0 {
			last--
		}
		if behind(s, n.to[last]) == phoneTopic {
			said = phoneTopic
		}
	}
	if said == idTopic || said == cardTopic {
		return 0
	}
	if end := n.written(s, said); end > 0 {
		return end
	}
	if said == phoneTopic || said == callTopic {
		return n.toldSo(s, said, linked)
	}
	return 0
}

// toldSo takes all of the groups, where words say that they are a phone number.
func (n *numerals) toldSo(s string, said topic, linked bool) int {
	for last := min(n.count-1, 5); last >= 0; last-- {
		total := n.upTo[last]
		if total > 15 || !n.phoneGaps(s, last) || goesOn(s, n.to[last]) {
			continue
		}
		if total < 7 || allZero(n.digits[1:total]) {
			return 0
		}
		if last == 0 && !linked && (total > 13 || said == callTopic && (total < 9 || total > 12 || n.digits[0] == '1' && total == 10)) {
			return 0
		}
		if last > 0 && (said == callTopic && (total < 8 || n.even(last)) || n.inRow(s, last)) {
			return 0
		}
		return n.to[last]
	}
	return 0
}

// even tells of three numbers or more of one long size: they count something.
func (n *numerals) even(last int) bool {
	for k := range last + 1 {
		if n.size(k) != n.size(0) {
			return false
		}
	}
	return last >= 2 && n.size(0) >= 4
}

// inRow tells whether the groups are part of a longer row.
func (n *numerals) inRow(s string, last int) bool {
	if last == 0 {
		return false
	}
	gap := n.gap(s, last-1)
	if last+1 < n.count && alike(n.gap(s, last), gap) {
		return true
	}
	row := gapBefore(s, n.from[0])
	return row != "" && alike(row, gap)
}

// isYears tells of 2016-2020.
func (n *numerals) isYears() bool {
	return n.count >= 2 && n.sized(4, 4) && isCentury(n.digits[0:2]) && isCentury(n.digits[4:6]) && n.upTo[n.count-1]%4 == 0
}

func isCentury(digits []byte) bool { return string(digits) == "19" || string(digits) == "20" }

// isDate tells of 2025-11-21, 01/02/2025, 21.11.2025, 2016-2020.
func (n *numerals) isDate(s string) bool {
	if n.isYears() {
		return true
	}
	if n.count < 3 || n.gap(s, 0) != n.gap(s, 1) || len(n.gap(s, 0)) != 1 || strings.IndexByte("-/.", n.gap(s, 0)[0]) < 0 {
		return false
	}
	return n.sized(4, 2, 2) || n.sized(2, 2, 4) || n.sized(1, 2, 4) || n.sized(2, 1, 4) || n.sized(1, 1, 4)
}
