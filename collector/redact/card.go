package redact

import "strings"

// issuer is a range of card numbers: the first digits from low to high, and the lengths that its numbers have.
// From the card networks' own pages and ISO/IEC 7812's table of ranges.
type issuer struct {
	low, high int
	lengths   string
}

var issuers = []issuer{
	{4, 4, "13 16 19"},                 // Visa
	{51, 55, "16"}, {2221, 2720, "16"}, // Mastercard
	{34, 34, "15"}, {37, 37, "15"}, // American Express
	{300, 305, "14 16"}, {3095, 3095, "14"}, // Diners Club
	{36, 36, "14 16"}, {38, 39, "14 16"},
	{6011, 6011, "16 19"}, {644, 649, "16 19"}, {65, 65, "16 19"}, // Discover
	{3528, 3589, "16 17 18 19"},             // JCB
	{62, 62, "16 17 18 19"}, {81, 81, "16"}, // UnionPay, RuPay
	{60, 60, "16"}, {82, 82, "16"}, // RuPay, Hipercard
	{2200, 2204, "16 17 18 19"},            // Mir
	{9792, 9792, "16"}, {5067, 5067, "16"}, // Troy, Elo
	{506099, 506198, "16 18 19"},         // Verve
	{637, 639, "16"}, {8600, 8600, "16"}, // InstaPayment, Uzcard
	{50, 50, maestroLengths}, {56, 59, maestroLengths}, {61, 61, maestroLengths}, {63, 64, maestroLengths}, {66, 69, maestroLengths},
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

// isCardNumber tells whether an issuer has numbers like this one, and its check digit is right.
func isCardNumber(digits []byte) bool {
	if len(digits) < 12 || len(digits) > 19 || !luhn(digits) {
		return false
	}
	length := []string{"12", "13", "14", "15", "16", "17", "18", "19"}[len(digits)-12]
	for _, one := range issuersOf[digits[0]-'0'] {
		prefix, scale := 0, 1
		for k := 0; scale <= one.low; k, scale = k+1, scale*10 {
			prefix = prefix*10 + int(digits[k]-'0')
		}
		if prefix >= one.low && prefix <= one.high && strings.Contains(one.lengths, length) {
			return !same4(digits)
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
func (n *numerals) card(s string) int {
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
		if n.upTo[k] >= 12 && isCardNumber(n.digits[:n.upTo[k]]) && n.cardStands(s, k) {
			return n.to[k]
		}
	}
	return 0
}

// cardStands tells whether the groups up to last stand in a text as those of a card do.
func (n *numerals) cardStands(s string, last int) bool {
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
	if last == 0 {
		return n.runIsCard(said)
	}
	return n.groupsAreCard(s, last, said)
}

// runIsCard judges a run of digits alone: of ids each hundredth passes all checks, so what is said of it counts.
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

func (n *numerals) groupsAreCard(s string, last int, said topic) bool {
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
	if said == idTopic || !n.groupedAsCards(last) {
		return false
	}
	if row := gapBefore(s, n.from[0]); row != "" && alike(row, gap) && !endsShort(s, n.from[0]-len(row)) {
		return false
	}
	return last+1 == n.count && !n.more || !alike(n.gap(s, last), gap) || n.size(last+1) == 3 && last+2 == n.count || n.isExpiry(s, last+1)
}

// partsCard tells whether a gap may stand within a card's number.
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
