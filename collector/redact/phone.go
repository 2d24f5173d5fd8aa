package redact

import (
	"strconv"
	"strings"
)

// callingCodes are E.164's country codes with the digits that a number has behind them, at least and at most. The ITU's list
// of assigned codes (E.164D); lengths are those of the national plans, wide where a plan has many.
var callingCodes = func() map[int][2]int {
	codes := map[int][2]int{}
	for _, row := range strings.Fields(`1:10-10 7:10-10 20:8-10 27:9-10 30:10-10 31:9-9 32:8-9 33:9-9 34:9-9 36:8-9 39:8-11 40:9-9
		41:9-9 43:6-13 44:9-10 45:8-8 46:7-10 47:8-8 48:9-9 49:7-12 51:8-9 52:10-11 53:8-8 54:10-11 55:10-11 56:9-9 57:10-10
		58:10-10 60:8-10 61:9-9 62:8-12 63:8-10 64:8-10 65:8-8 66:8-9 81:9-10 82:8-10 84:9-10 86:10-11 90:10-10 91:10-10
		92:9-10 93:9-9 94:9-9 95:8-10 98:10-10 351:9-9 352:6-11 353:7-9 354:7-7 355:8-9 356:8-8 357:8-8 358:6-11 359:8-9 380:9-9
		385:8-9 386:8-8 420:9-9 421:9-9 852:8-8 853:8-8 886:8-9 961:7-8 962:8-9 963:8-9 964:9-10 965:8-8 966:8-9 967:7-9 968:8-8
		970:8-9 971:8-9 972:8-9 973:8-8 974:8-8 975:7-8 976:8-8 977:8-10 992:9-9 993:8-8 994:9-9 995:9-9 996:9-9 998:9-9`) {
		code, lengths, _ := strings.Cut(row, ":")
		least, most, _ := strings.Cut(lengths, "-")
		codes[atoi(code)] = [2]int{atoi(least), atoi(most)}
	}
	for _, span := range strings.Fields(`211-213 216-216 218-218 220-269 290-291 297-299 350-350 370-379 381-383 387-387 389-389
		423-423 500-509 590-599 670-670 672-692 800-800 808-808 850-850 855-856 870-870 878-883 888-888 960-960 979-979`) {
		from, to, _ := strings.Cut(span, "-")
		for code := atoi(from); code <= atoi(to); code++ {
			if _, known := codes[code]; !known {
				codes[code] = [2]int{6, 11}
			}
		}
	}
	return codes
}()

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err) // of a table above
	}
	return n
}

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

// national is the end of a number without its country's code, or 0. What is written as one country or another writes its
// numbers is one, unless the words before say otherwise; any other takes a word that says so.
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

// written is the end of a number in one of the forms in which countries write theirs.
func (n *numerals) written(s string, said topic) int {
	switch {
	case n.digits[0] == '0' && n.digits[1] == '0' && n.digits[2] > '0' && n.size(0) > 1:
		if end := n.international(s, 2); end > 0 && (n.count > 1 || said != noTopic || n.upTo[0] > 12) {
			return end
		}
	case n.digits[0] == '0' && n.digits[1] > '0':
		return n.trunk(s, said)
	}
	if last := n.form(s); last > 0 && n.formStands(s, last, said) {
		return n.to[last]
	}
	return 0
}

func (n *numerals) formStands(s string, last int, said topic) bool {
	if !n.phoneGaps(s, last) || goesOn(s, n.to[last]) || n.inRow(s, last) {
		return false
	}
	for k := range last {
		if strings.Trim(n.gap(s, k), " ") != "" {
			return true
		}
	}
	return said != noTopic || isAlone(s, n.from[0], n.to[last])
}

// form returns the last group of a number that is grouped as a country groups its numbers, and begins as they do, or 0.
func (n *numerals) form(s string) int {
	first := n.digits[0]
	switch n.size(0) {
	case 1:
		if n.sized(1, 3, 3, 4) && first == '1' && n.digits[1] >= '2' { // 1-555-123-4567
			return 3
		}
		if n.sized(1, 3, 3, 2, 2) && first == '8' && strings.IndexByte("489", n.digits[1]) >= 0 { // 8 (912) 345-67-89
			return 4
		}
	case 2:
		if n.sized(2, 5, 4) && n.digits[2] == '9' && n.gap(s, 1) == "-" || // (11) 98765-4321
			n.sized(2, 4, 4) && n.gap(s, 1) == "-" && n.gap(s, 0)[0] == ')' { // (11) 3456-7890
			return 2
		}
	case 3:
		if n.sized(3, 3, 4) && first >= '2' && n.evenGaps(s) || // (555) 123-4567
			n.sized(3, 4, 4) && first == '1' && n.digits[1] >= '3' && isBlankOrDash(n.gap(s, 0)) { // 138 0013 8000
			return 2
		}
	case 5:
		if n.sized(5, 5) && first >= '6' && n.gap(s, 0) == " " { // 98765 43210
			return 1
		}
	}
	return 0
}

// evenGaps refuses 100.200 3000: a number's groups are parted alike, apart from a bracket.
func (n *numerals) evenGaps(s string) bool {
	first, second := n.gap(s, 0), n.gap(s, 1)
	return strings.Contains(first, ")") || first == second || first == " " && second == "-"
}

// trunk is a national number with its leading 0: 030 1234567, 06 12 34 56 78, 07911123456.
func (n *numerals) trunk(s string, said topic) int {
	if n.size(0) >= 9 {
		return n.trunkRun(s, said)
	}
	for last := min(n.count-1, 5); last > 0; last-- {
		if total := n.upTo[last]; total < 9 || total > 12 || !n.phoneGaps(s, last) || goesOn(s, n.to[last]) {
			continue
		}
		if n.size(0) < 2 || n.inRow(s, last) || !n.trunkEnds(last) {
			return 0
		}
		if said == noTopic && n.gap(s, 0) == "-" && (last == 1 && n.sized(5, 4) || last == 2 && n.sized(3, 2, 4)) {
			return 0 // a postal code, an insurance number
		}
		return n.to[last]
	}
	return 0
}

// trunkEnds refuses numbers of things, 050-2024-01: two digits come last only behind two, and not all pairs begin with 0.
func (n *numerals) trunkEnds(last int) bool {
	if n.size(last) >= 3 {
		return true
	}
	if n.size(last) < 2 || n.size(last-1) > 3 || last < 2 {
		return false
	}
	zeros := 0
	for k := 1; k <= last; k++ {
		if n.size(k) == 2 && n.digits[n.upTo[k]-2] == '0' {
			zeros++
		}
	}
	return zeros < last
}

// trunkRun is a run of digits alone.
func (n *numerals) trunkRun(s string, said topic) int {
	total := n.upTo[0]
	if goesOn(s, n.to[0]) || total > 12 || total < 10 && said == noTopic || total == 12 && said == noTopic {
		return 0
	}
	if strings.HasPrefix(s[n.from[0]:], "0123456789") { // the digits themselves
		return 0
	}
	if said == noTopic && gapBefore(s, n.from[0]) != "" && gapBefore(s, n.from[0]) != "\n" {
		return 0
	}
	return n.to[0]
}
