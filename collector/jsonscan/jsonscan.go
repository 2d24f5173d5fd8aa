// Package jsonscan finds where parts of a JSON text end, for components that read a few keys of each span's metadata:
// encoding/json takes longer than all the rest does.
package jsonscan

import "strings"

// SkipSpace returns the position of the first byte from i on that is not white space; of a negative i, i.
func SkipSpace(s string, i int) int {
	for i >= 0 && i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// StringEnd returns the position after a string that starts with a quote at i, or -1.
func StringEnd(s string, i int) int {
	if quote := strings.IndexByte(s[i+1:], '"') + i + 1; quote > i && s[quote-1] != '\\' { // most have no escape
		return quote + 1
	}
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
