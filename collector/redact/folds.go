package redact

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// foldRune returns how the view has a character, if it is another way.
func foldRune(r rune) (fold string, changed bool) {
	if r < 0xa0 || r > lastFolded || !foldPages[r>>8] {
		return "", false
	}
	fold, changed = folds[r]
	return fold, changed
}

// folds has the characters that the rules read as others, foldPages which 256 characters have any: most texts beyond ASCII
// (Chinese, Cyrillic) have none, and cost one look at a table for each character.
var folds, foldPages = func() (map[rune]string, [0x200]bool) {
	known := map[rune]string{}
	learn := func(r rune) {
		if fold, ok := foldOf(r); ok && r >= 0xa0 && r <= lastFolded {
			known[r] = fold
		}
	}
	for _, table := range []*unicode.RangeTable{unicode.Nd, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Pd, unicode.Cf, unicode.Variation_Selector} {
		for _, span := range table.R16 {
			for r := rune(span.Lo); r <= rune(span.Hi); r += rune(span.Stride) {
				learn(r)
			}
		}
		for _, span := range table.R32 {
			for r := rune(span.Lo); r <= min(rune(span.Hi), lastFolded); r += rune(span.Stride) {
				learn(r)
			}
		}
	}
	for _, r := range otherDashes + singleQuotes + doubleQuotes + fullStops + joiner {
		learn(r)
	}
	for r := rune(0xa0); r <= lastFolded; r++ {
		if norm.NFKC.PropertiesString(string(r)).Decomposition() != nil {
			learn(r)
		}
	}
	var pages [0x200]bool
	for r := range known {
		pages[r>>8] = true
	}
	return known, pages
}()

const (
	lastFolded   = 0x1ffff
	otherDashes  = "\u2212\u2043"
	singleQuotes = "\u2018\u2019\u201a\u2032"
	doubleQuotes = "\u201c\u201d\u201e\u2033\u00ab\u00bb\u300c\u300d\u300e\u300f"
	fullStops    = "\u3002\uff61"
	joiner       = "\u034f"
)

func foldOf(r rune) (string, bool) {
	switch {
	case unicode.Is(unicode.Nd, r):
		return string(digitOf(r)), true
	case unicode.Is(unicode.Zs, r):
		return " ", true
	case unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return "\n", true
	case unicode.Is(unicode.Pd, r), strings.ContainsRune(otherDashes, r):
		return "-", true
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), strings.ContainsRune(joiner, r):
		return "", true
	case strings.ContainsRune(singleQuotes, r):
		return "'", true
	case strings.ContainsRune(doubleQuotes, r):
		return `"`, true
	case strings.ContainsRune(fullStops, r):
		return ".", true
	case unicode.Is(unicode.No, r) && r < 0x2460, unicode.Is(unicode.Sk, r), unicode.Is(unicode.Lm, r):
		return "", false // x² is no x2
	}
	if fold := norm.NFKC.String(string(r)); len(fold) == 1 && fold[0] > ' ' && fold != `"` && fold != `\` {
		return fold, true
	}
	return "", false
}

// digitOf counts from the zero of the digit's script: Unicode has them in tens.
func digitOf(r rune) rune {
	if fold := norm.NFKC.String(string(r)); len(fold) == 1 {
		return rune(fold[0])
	}
	for _, tens := range unicode.Nd.R16 {
		if rune(tens.Lo) <= r && r <= rune(tens.Hi) {
			return '0' + (r-rune(tens.Lo))%10
		}
	}
	for _, tens := range unicode.Nd.R32 {
		if rune(tens.Lo) <= r && r <= rune(tens.Hi) {
			return '0' + (r-rune(tens.Lo))%10
		}
	}
	return r
}
