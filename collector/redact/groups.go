package redact

import "strings"

// A number is written in groups of digits with something between them; a row of numbers is, too.

const (
	maxGroups = 20
	maxGap    = 3 // bytes
)

// numerals are the groups from one place on, and their digits in one run.
type numerals struct {
	from, to [maxGroups]int
	upTo     [maxGroups]int // digits with the groups before
	digits   [2 * maxGroups]byte
	count    int
	more     bool // the row goes on
}

var gapByte = func() (set [256]bool) {
	for _, b := range []byte(" -./_,()\t\n|:") {
		set[b] = true
	}
	return set
}()

// read takes the groups from i on, s[i] being the first digit of one.
func (n *numerals) read(s string, i int) {
	n.count, n.more = 0, false
	digits := 0
	for i < len(s) && isDigit(s[i]) {
		from := i
		for i < len(s) && isDigit(s[i]) {
			if digits == len(n.digits) {
				n.more = true
				return
			}
			n.digits[digits] = s[i]
			digits, i = digits+1, i+1
		}
		if n.count == maxGroups {
			n.more = true
			return
		}
		n.from[n.count], n.to[n.count], n.upTo[n.count] = from, i, digits
		n.count++
		gap := 0
		for gap < maxGap && i+gap < len(s) && gapByte[s[i+gap]] {
			gap++
		}
		if gap == 0 {
			return
		}
		i += gap
	}
}

// skip is where to go on behind a row in which nothing was found, whose first group ends at end: in the midst of a long one
// nothing is found, either.
func (n *numerals) skip(s string, end int) int {
	const sure = 8
	if n.count < maxGroups {
		return end
	}
	for k := 1; k <= sure; k++ {
		if !alike(n.gap(s, k), n.gap(s, 0)) {
			return end
		}
	}
	return n.from[sure]
}

// gap is the text behind group k.
func (n *numerals) gap(s string, k int) string { return s[n.to[k]:n.from[k+1]] }

func (n *numerals) size(k int) int { return n.to[k] - n.from[k] }

// sized tells whether the first groups have these many digits.
func (n *numerals) sized(sizes ...int) bool {
	if n.count < len(sizes) {
		return false
	}
	for k, size := range sizes {
		if n.size(k) != size {
			return false
		}
	}
	return true
}

// gapBefore is the text between the group at i and one in front of it; empty if there is none.
func gapBefore(s string, i int) string {
	k := i
	for k > 0 && i-k < maxGap && gapByte[s[k-1]] {
		k--
	}
	if k == i || k == 0 || !isDigit(s[k-1]) {
		return ""
	}
	return s[k:i]
}

// alike tells of two gaps whether they part one row: both are the same, or blanks and dashes.
func alike(a, b string) bool {
	return a == b || isBlankOrDash(a) && isBlankOrDash(b) && strings.ContainsRune(a, '\n') == strings.ContainsRune(b, '\n')
}

func isBlankOrDash(gap string) bool {
	return gap != "" && strings.Trim(gap, " -\t\n") == ""
}

// isAlone tells whether no other number is near: a row of numbers has no phone numbers in it.
func isAlone(s string, start, end int) bool {
	const near = 16
	for i := start - 1; i >= max(0, start-near) && s[i] != '\n'; i-- {
		if isDigit(s[i]) {
			return false
		}
	}
	for i := end; i < min(len(s), end+near) && s[i] != '\n'; i++ {
		if isDigit(s[i]) {
			return false
		}
	}
	return true
}

// inHex tells whether a run of hexadecimal digits with letters is adjacent: dumps and hashes have groups of digits, too.
func inHex(s string, start, end int) bool {
	return hexWord(s, start, -1) || hexWord(s, end, 1)
}

// hexWord looks at the word beyond one blank, dash or colon.
func hexWord(s string, i, step int) bool {
	k := i
	if step < 0 {
		k--
	}
	if k < 0 || k >= len(s) || strings.IndexByte(" -:", s[k]) < 0 {
		return false
	}
	digits, letters := 0, 0
	for k += step; k >= 0 && k < len(s) && isAlnum(s[k]); k += step {
		switch {
		case isDigit(s[k]):
			digits++
		case isHex(s[k]):
			letters++
		default:
			return false
		}
	}
	return digits > 0 && letters > 0 && digits+letters >= 2 && (digits+letters)%2 == 0
}

// labelled tells of a number joined to the word before it, as in card4111…, whether that is a word and no part of an id.
func labelled(s string, i int) bool {
	start, plain := i, false
	for start > 0 && isLetter(s[start-1]) {
		start--
		plain = plain || !isHex(s[start])
	}
	return plain && i-start >= 2 && i-start <= 16 && (start == 0 || !isAlnum(s[start-1]) && s[start-1] != '_' && s[start-1] != '-')
}
