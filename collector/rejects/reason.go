package rejects

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
)

var word = regexp.MustCompile(`[\p{L}\p{N}]+`)

const (
	// hidden replaces a word of the item.
	hidden = "…"
	// longestReason of a line, characters.
	longestReason = 300
	// shortestWord that is looked for in the item, bytes, and most digits of a word that may be one of a store's limits.
	shortestWord, mostDigits = 3, 7
	grpcWords                = " desc = "
)

// ReasonOf is what a store said, without words that the item holds: stores repeat labels, lines and ids in their errors.
// Encoded is the item as protobuf.
func ReasonOf(said string, encoded []byte) string {
	if _, words, ok := strings.Cut(said, grpcWords); ok {
		said = words
	}
	said = head(said, 2*longestReason)
	content := bytes.ToLower(encoded)
	said = word.ReplaceAllStringFunc(said, func(each string) string {
		if len(each) >= shortestWord && bytes.Contains(content, []byte(strings.ToLower(each))) || digits(each) > mostDigits {
			return hidden
		}
		return each
	})
	if short := head(said, longestReason); short != said {
		return short + hidden
	}
	return said
}

// head is the beginning of a text, characters.
func head(text string, most int) string {
	for at := range text {
		if most--; most < 0 {
			return text[:at]
		}
	}
	return text
}

func digits(text string) (n int) {
	for _, each := range text {
		if unicode.IsNumber(each) {
			n++
		}
	}
	return n
}
