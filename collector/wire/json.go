package wire

import (
	"bytes"
	"slices"
)

// JSON looks at a request in JSON, and leaves out members that are null and ids of a wrong length. It works in place.
func JSON(text []byte) ([]byte, Seen) {
	seen := Seen{Size: max(int64(len(text)), itemSize*listed(text))}
	text, seen.WrongIDs = withoutWrongIDs(withoutNulls(text))
	return text, seen
}

// listed counts the objects that are members of lists: items and attributes.
func listed(text []byte) (n int64) {
	inList := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i) - 1
			inList = false
		case '{':
			if inList {
				n++
			}
			inList = false
		case '[', ',':
			inList = true
		case ' ', '\t', '\r', '\n':
		default:
			inList = false
		}
	}
	return n
}

// The members that hold ids have these names, and no others: what an application names is a value in OTLP's JSON.
var idMembers = map[string]int{
	`"traceId"`: traceID, `"spanId"`: spanID, `"parentSpanId"`: spanID,
	`"trace_id"`: traceID, `"span_id"`: spanID, `"parent_span_id"`: spanID,
}

// withoutWrongIDs makes ids that are no hexadecimal numbers of their length empty.
func withoutWrongIDs(text []byte) ([]byte, int) {
	var wrong [][2]int // from, to
	for name, length := range idMembers {
		for i := 0; ; {
			next := bytes.Index(text[i:], []byte(name))
			if next < 0 {
				break
			}
			start := i + next
			i = start + len(name)
			if start > 0 && text[start-1] == '\\' { // within a text
				continue
			}
			if from, to, ok := stringMember(text, i); ok && from < to && !isHex(text[from:to], 2*length) {
				wrong = append(wrong, [2]int{from, to})
			}
		}
	}
	if len(wrong) == 0 {
		return text, 0
	}
	slices.SortFunc(wrong, func(a, b [2]int) int { return a[0] - b[0] })
	out, done := text[:0], 0
	for _, each := range wrong {
		out = append(out, text[done:each[0]]...)
		done = each[1]
	}
	return append(out, text[done:]...), len(wrong)
}

// stringMember returns where the text of a member of an object is, given the place behind its name.
func stringMember(text []byte, i int) (from, to int, ok bool) {
	if i = blanks(text, i); i >= len(text) || text[i] != ':' {
		return 0, 0, false
	}
	if i = blanks(text, i+1); i >= len(text) || text[i] != '"' {
		return 0, 0, false
	}
	end := stringEnd(text, i)
	return i + 1, end - 1, end-i >= 2 && text[end-1] == '"'
}

func isHex(text []byte, length int) bool {
	if len(text) != length {
		return false
	}
	for _, each := range text {
		if (each < '0' || each > '9') && (each|0x20 < 'a' || each|0x20 > 'f') {
			return false
		}
	}
	return true
}

// withoutNulls removes the members of JSON objects that are null. For protobuf's JSON they mean the same as members that
// are not there; the receiver refuses the whole request for one where it expects a number or an id. It works in place;
// what is no JSON comes out as something that is no JSON either.
func withoutNulls(text []byte) []byte {
	if !bytes.Contains(text, []byte("null")) {
		return text
	}
	out, key := text[:0], -1
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			end := stringEnd(text, i)
			key = len(out)
			out = append(out, text[i:end]...)
			i = end
		case 'n':
			if !bytes.HasPrefix(text[i:], []byte("null")) || !endsWith(out, ':') || key < 0 {
				out = append(out, text[i])
				i++
				continue
			}
			i = blanks(text, i+len("null"))
			out = bytes.TrimRight(out[:key], " \t\r\n")
			if i < len(text) && text[i] == ',' {
				i++
			} else if endsWith(out, ',') {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, text[i])
			i++
		}
	}
	return out
}

func endsWith(text []byte, b byte) bool {
	text = bytes.TrimRight(text, " \t\r\n")
	return len(text) > 0 && text[len(text)-1] == b
}

func blanks(text []byte, i int) int {
	for i < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[i]) >= 0 {
		i++
	}
	return i
}

// stringEnd is the place behind a string that starts at i.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
