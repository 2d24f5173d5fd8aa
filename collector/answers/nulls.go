package answers

import "bytes"

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
