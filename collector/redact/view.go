package redact

import (
	"html"
	"sort"
	"strings"
	"unicode/utf8"
)

// A view is a text as the rules read it: digits of all scripts are 0 to 9, blanks are blanks, dashes are dashes, and
// what a browser, a JSON decoder or a mail program would decode is decoded. Masks are put into the original, at the
// places that original gives, so nothing else of it changes.
type view struct {
	text  string
	edits []edit
}

// edit says that the bytes from:to of the original are at:end in the view.
type edit struct {
	at, end  int
	from, to int
}

// original returns the place in the original of a match's start or end.
func (v *view) original(place int, isEnd bool) int {
	k := sort.Search(len(v.edits), func(k int) bool { return v.edits[k].at > place }) - 1
	if isEnd {
		// Characters left out right behind a match are not part of it.
		k = sort.Search(len(v.edits), func(k int) bool { return v.edits[k].at >= place }) - 1
	}
	if k < 0 {
		return place
	}
	e := v.edits[k]
	switch {
	case place >= e.end:
		return e.to + place - e.end
	case isEnd:
		return e.to
	}
	return e.from
}

// mayFold has the bytes at which a view may differ from its text.
var mayFold = func() (set [256]bool) {
	for _, b := range []byte(`\%&=`) {
		set[b] = true
	}
	for b := 0x80; b < 256; b++ {
		set[b] = true
	}
	return set
}()

// viewOf reads s. Of a text in which nothing is written in another way it is that text, and takes no memory.
func viewOf(s string) view {
	first := firstFold(s)
	if first == len(s) {
		return view{text: s}
	}
	var out []byte
	var edits []edit
	done := 0
	for i := first; i < len(s); {
		if !mayFold[s[i]] {
			i++
			continue
		}
		width, fold, changed := foldAt(s, i)
		if changed {
			if out == nil {
				out = make([]byte, 0, len(s))
				edits = make([]edit, 0, 16)
			}
			out = append(out, s[done:i]...)
			at := len(out)
			out = append(out, fold...)
			edits = append(edits, edit{at, len(out), i, i + width})
			done = i + width
		}
		i += width
	}
	if out == nil {
		return view{text: s}
	}
	return view{string(append(out, s[done:]...)), edits}
}

// firstFold returns the first place at which a view may differ from its text, eight bytes at a step.
func firstFold(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		if mayFold[b[0]] || mayFold[b[1]] || mayFold[b[2]] || mayFold[b[3]] || mayFold[b[4]] || mayFold[b[5]] || mayFold[b[6]] || mayFold[b[7]] {
			break
		}
	}
	for i < len(s) && !mayFold[s[i]] {
		i++
	}
	return i
}

// foldAt reads the character at s[i]: its length in bytes, and its form in the view, if that differs.
func foldAt(s string, i int) (width int, fold string, changed bool) {
	switch s[i] {
	case '\\':
		return foldEscape(s, i)
	case '%':
		return foldPercent(s, i)
	case '&':
		return foldEntity(s, i)
	case '=':
		return foldSoftBreak(s, i)
	}
	r, width := utf8.DecodeRuneInString(s[i:])
	fold, changed = foldRune(r)
	return width, fold, changed
}

// foldEscape reads \n, \u0040, \x40, \/ and their doubles in JSON within JSON. A quote keeps its backslashes: they tell
// which quote ends a value.
func foldEscape(s string, i int) (int, string, bool) {
	k := i
	for k < len(s) && s[k] == '\\' {
		k++
	}
	if k == len(s) {
		return k - i, "", false
	}
	switch s[k] {
	case 'n', 'r':
		return k + 1 - i, "\n", true
	case 't', 'b', 'f':
		return k + 1 - i, "\t", true
	case '/':
		return k + 1 - i, "/", true
	case 'u':
		return foldCode(s, i, k, 4)
	case 'U':
		return foldCode(s, i, k, 8)
	case 'x':
		return foldCode(s, i, k, 2)
	}
	return k - i, "", false
}

func foldCode(s string, i, k, digits int) (int, string, bool) {
	code, ok := hexAt(s, k+1, digits)
	end := k + 1 + digits
	if !ok || digits == 2 && code >= 0x80 {
		return k - i, "", false
	}
	if code >= 0xd800 && code < 0xdc00 && strings.HasPrefix(s[end:], s[i:k]+"u") {
		if low, ok := hexAt(s, end+k-i+1, 4); ok && low >= 0xdc00 && low < 0xe000 {
			code, end = (code-0xd800)<<10+(low-0xdc00)+0x10000, end+k-i+5
		}
	}
	if fold, changed := foldRune(code); changed {
		return end - i, fold, true
	}
	if code == '"' || code == '\\' || !utf8.ValidRune(code) {
		return end - i, "", false
	}
	return end - i, string(code), true
}

func hexAt(s string, i, digits int) (code rune, ok bool) {
	if i+digits > len(s) {
		return 0, false
	}
	for _, b := range []byte(s[i : i+digits]) {
		switch {
		case isDigit(b):
			code = code<<4 | rune(b-'0')
		case isHex(b):
			code = code<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return code, true
}

// foldPercent reads %40, %2540 and percent-encoded UTF-8.
func foldPercent(s string, i int) (int, string, bool) {
	var bytes [utf8.UTFMax]byte
	n, end := 0, i
	for n < len(bytes) && end < len(s) && s[end] == '%' {
		k := end + 1
		for strings.HasPrefix(s[k:], "25") && k+4 <= len(s) && isHex(s[k+2]) && isHex(s[k+3]) {
			k += 2
		}
		code, ok := hexAt(s, k, 2)
		if !ok {
			break
		}
		bytes[n] = byte(code)
		n, end = n+1, k+2
		if code < 0x80 || utf8.FullRune(bytes[:n]) {
			break
		}
	}
	r, size := utf8.DecodeRune(bytes[:n])
	if n == 0 || size != n || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == '"' || r == '\\' {
		return 1, "", false
	}
	if fold, changed := foldRune(r); changed {
		return end - i, fold, true
	}
	return end - i, string(r), true
}

const maxEntity = 12

// foldEntity reads &#64;, &#x40;, &commat; and &amp;#64;.
func foldEntity(s string, i int) (int, string, bool) {
	if strings.HasPrefix(s[i:], "&amp;#") {
		if width, fold, changed := foldEntity("&"+s[i+5:min(len(s), i+5+maxEntity)], 0); changed {
			return width + 4, fold, true
		}
	}
	end := i + 1
	for end < len(s) && end-i < maxEntity && (isAlnum(s[end]) || s[end] == '#') {
		end++
	}
	if end == len(s) || s[end] != ';' || end == i+1 {
		return 1, "", false
	}
	decoded := html.UnescapeString(s[i : end+1])
	r, size := utf8.DecodeRuneInString(decoded)
	if decoded[0] == '&' && len(decoded) > 1 || size != len(decoded) || r == '"' || r == '\\' {
		return 1, "", false
	}
	if fold, changed := foldRune(r); changed {
		return end + 1 - i, fold, true
	}
	return end + 1 - i, decoded, true
}

// foldSoftBreak reads the line breaks that quoted-printable puts into a word.
func foldSoftBreak(s string, i int) (int, string, bool) {
	end := i + 1
	for _, sign := range []string{"\r", `\r`} {
		if strings.HasPrefix(s[end:], sign) {
			end += len(sign)
		}
	}
	if strings.HasPrefix(s[end:], `\n`) {
		end++
	} else if end < len(s) && s[end] != '\n' {
		return 1, "", false
	}
	if end+1 < len(s) && i > 0 && isAlnum(s[i-1]) && isAlnum(s[end+1]) && strings.IndexByte(s[max(0, i-80):min(len(s), end+80)], '@') >= 0 {
		return end + 1 - i, "", true
	}
	return 1, "", false
}
