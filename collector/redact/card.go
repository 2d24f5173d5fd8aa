package redact

import "strings"

// issuer is a range of card numbers: the first digits from low to high, the lengths that its numbers have, and whether it is
// so wide, or so rare, that a number of it is a card only where a word says so.
type issuer struct {
	low, high int
	lengths   string
	told      bool
}

// From the card networks' own pages and ISO/IEC 7812's table of ranges. All numbers of a range begin with one digit.
var issuers = []issuer{
	{4, 4, "13 16 19", false},                        // Visa
	{51, 55, "16", false}, {2221, 2720, "16", false}, // Mastercard
	{34, 34, "15", false}, {37, 37, "15", false}, // American Express
	{300, 305, "14 16", false}, {3095, 3095, "14", false}, // Diners Club
	{36, 36, "14", false}, {38, 39, "14", false},
	{6011, 6011, "16 19", false}, {644, 649, "16 19", false}, {65, 65, "16 19", false}, // Discover
	{3528, 3589, "16 19", false},                   // JCB
	{62, 62, "16 19", false}, {81, 81, "16", true}, // UnionPay, RuPay
	{6521, 6522, "16", false}, {606282, 606282, "16", false}, // RuPay, Hipercard
	{2200, 2204, "16 19", false},                         // Mir
	{9792, 9792, "16", false}, {5067, 5067, "16", false}, // Troy, Elo
	{506099, 506198, "16 19", false},                                                                              // Verve
	{5018, 5018, maestroLengths, false}, {5020, 5020, maestroLengths, false}, {5038, 5038, maestroLengths, false}, // Maestro
	{5893, 5893, maestroLengths, false}, {6304, 6304, maestroLengths, false}, {6759, 6759, maestroLengths, false},
	{6761, 6763, maestroLengths, false},
	{50, 50, maestroLengths, true}, {56, 59, maestroLengths, true}, {60, 64, maestroLengths, true}, {66, 69, maestroLengths, true},
	{82, 82, "16", true}, {8600, 8600, "16", true}, {62, 62, "17 18", true},
}

const maestroLengths = "12 13 14 15 16 17 18 19"

// issuersOf has the ranges by their first digit.
var issuersOf = func() (by [10][]issuer) {
	for _, one := range issuers {
		first := one.low
		for first > 9 {
			first /= 10
		}
		by[first] = append(by[first], one)
	}
	return by
}()

// isCardNumber tells whether an issuer has numbers like this one, and its check digit is right; told, of an issuer whose
// numbers take a word for it.
func isCardNumber(digits []byte, told bool) bool {
	if len(digits) < 12 || len(digits) > 19 || !luhn(digits) || same4(digits) {
		return false
	}
	length := []string{"12", "13", "14", "15", "16", "17", "18", "19"}[len(digits)-12]
	for _, one := range issuersOf[digits[0]-'0'] {
		prefix, scale := 0, 1
		for k := 0; scale <= one.low; k, scale = k+1, scale*10 {
			prefix = prefix*10 + int(digits[k]-'0')
		}
		if prefix >= one.low && prefix <= one.high && strings.Contains(one.lengths, length) && (told || !one.told) {
			return true
		}
	}
	return false
}

// same4 refuses numbers of one digit alone.
func same4(digits []byte) bool {
	for _, d := range digits {
		if d != digits[0] {
			return false
		}
	}
	return true
}

// card returns the end of a card number that starts with the first group, or 0.
func (n *numerals) card(s string, done int) int {
	if n.upTo[n.count-1] < 12 {
		return 0
	}
	if first := n.digits[0]; first < '2' || first == '7' {
		return 0
	}
	for k := range n.count {
		if n.upTo[k] > 19 {
			break
		}
		if n.upTo[k] >= 12 && isCardNumber(n.digits[:n.upTo[k]], true) && n.cardStands(s, k, done) {
			return n.to[k]
		}
	}
	return 0
}

// cardStands tells whether the groups up to last appear in a text as those of a card do.
func (n *numerals) cardStands(s string, last, done int) bool {
	start, end := n.from[0], n.to[last]
	if goesOn(s, end) || inHex(s, start, end) {
		return false
	}
	said := before(s, start)
	if said == noTopic {
		if after := behind(s, end); after == cardTopic {
			said = after
		}
	}
	if said != cardTopic && !isCardNumber(n.digits[:n.upTo[last]], false) {
		return false
	}
	if last == 0 {
		return n.runIsCard(said)
	}
	return n.groupsAreCard(s, last, done, said)
}

// runIsCard judges a single run of digits. One id in a hundred passes all checks, so the words nearby decide.
func (n *numerals) runIsCard(said topic) bool {
	switch said {
	case cardTopic:
		return true
	case idTopic, phoneTopic:
		return false
	}
	switch n.upTo[0] {
	case 14, 15, 16:
		return true
	case 13:
		return n.digits[0] == '4'
	case 17, 18, 19:
		return n.digits[0] == '6' && n.digits[1] == '2'
	}
	return false
}

func (n *numerals) groupsAreCard(s string, last, done int, said topic) bool {
	gap := n.gap(s, 0)
	if !partsCard(gap) {
		return false
	}
	for k := range last {
		if other := n.gap(s, k); other != gap && !(isBlankOrDash(other) && isBlankOrDash(gap)) {
			return false
		}
	}
	if said == cardTopic {
		return true
	}
	if !n.groupedAsCards(last) { // ids are not written so
		return false
	}
	row := gapBefore(s, n.from[0])
	if strings.ContainsRune(row, '\n') && done <= n.from[0]-len(row)-4 || n.linesDiffer(s, last) {
		return false
	}
	if row != "" && alike(row, gap) && !endsShort(s, n.from[0]-len(row)) {
		return false
	}
	return last+1 == n.count && !n.more || !alike(n.gap(s, last), gap) || n.size(last+1) == 3 && last+2 == n.count || n.isExpiry(s, last+1)
}

// linesDiffer tells of the rows of a table: the number is written over two lines, or the next line has one of this form that
// is none of a card.
func (n *numerals) linesDiffer(s string, last int) bool {
	for k := range last {
		if strings.ContainsRune(n.gap(s, k), '\n') {
			return n.count > last+1 || n.more
		}
	}
	if last+1 >= n.count || !strings.ContainsRune(n.gap(s, last), '\n') || n.size(last+1) != n.size(0) {
		return false
	}
	var next numerals
	next.read(s, n.from[last+1])
	return next.count <= last || !isCardNumber(next.digits[:next.upTo[last]], false)
}

// partsCard tells whether a gap may be inside a card's number.
func partsCard(gap string) bool {
	return isBlankOrDash(gap) || len(gap) == 1 && strings.Contains("./_,|:", gap)
}

// groupedAsCards: 4-4-4-4 and its longer kin, 4-6-5, 4-6-4, 4-3-3-3, 8-8, 6-13.
func (n *numerals) groupedAsCards(last int) bool {
	fours := true
	for k := range last {
		fours = fours && n.size(k) == 4
	}
	switch total := n.upTo[last]; {
	case fours && total >= 13:
		return n.size(last) <= 5
	case last == 2:
		return n.sized(4, 6, 5) || n.sized(4, 6, 4)
	case last == 3:
		return n.sized(4, 3, 3, 3)
	case last == 1:
		return n.sized(8, 8) || n.sized(6, 13) || n.sized(6, 10)
	}
	return false
}

// endsShort tells whether the number that ends at i has one or two digits, as a list's has.
func endsShort(s string, i int) bool {
	return i < 3 || !isDigit(s[i-2]) || !isDigit(s[i-3])
}

// isExpiry tells whether group k is the month of 12/27.
func (n *numerals) isExpiry(s string, k int) bool {
	return k+1 < n.count && n.size(k) == 2 && n.gap(s, k) == "/"
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

// goesOn tells whether a number, or the word that it is in, goes on at i, so that what was read is only its beginning.
func goesOn(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	if isAlnum(s[i]) || s[i] == '_' {
		return true
	}
	return (s[i] == '-' || s[i] == '.') && i+1 < len(s) && isAlnum(s[i+1]) && (s[i] == '-' || isDigit(s[i+1]))
}
