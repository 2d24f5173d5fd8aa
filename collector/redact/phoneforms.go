package redact

import "strings"

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
