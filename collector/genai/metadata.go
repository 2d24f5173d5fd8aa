package genai

import (
	"encoding/json"
	"strings"

	"otelgate/collector/jsonscan"
)

// readMetadata puts the wanted top-level keys of a JSON object into their slots. It looks at bytes rather than
// decoding, because a decoder costs more than everything else that is done to a span; what isn't JSON ends it early.
func (s *scan) readMetadata(text string) {
	at := jsonscan.SkipSpace(text, 0)
	if at >= len(text) || text[at] != '{' {
		return
	}
	at++
	for {
		at = jsonscan.SkipSpace(text, at)
		if at >= len(text) || text[at] != '"' {
			return
		}
		end := jsonscan.StringEnd(text, at)
		if end < 0 {
			return
		}
		key := text[at+1 : end-1]
		at = jsonscan.SkipSpace(text, end)
		if at >= len(text) || text[at] != ':' {
			return
		}
		at = jsonscan.SkipSpace(text, at+1)
		end = valueEnd(text, at)
		if end < 0 {
			return
		}
		if slot, ok := s.table.metadataSlots.Get(key); ok {
			s.setMetadata(slot, text[at:end])
		}
		at = jsonscan.SkipSpace(text, end)
		if at >= len(text) || text[at] != ',' {
			return
		}
		at++
	}
}

// setMetadata takes strings, numbers and booleans; null, arrays and objects count as absent, except that an array or
// an object is there.
func (s *scan) setMetadata(slot int32, raw string) {
	if raw == "null" || raw == `""` {
		return
	}
	if raw[0] == '"' {
		plain, ok := unquote(raw)
		if !ok {
			return
		}
		raw = plain
	}
	s.values[slot] = value{kind: kindText, text: raw}
	s.present.add(slot)
}

// unquote reads a JSON string. One without an escape is part of its text, and takes no memory.
func unquote(raw string) (plain string, ok bool) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	var decoded string
	err := json.Unmarshal([]byte(raw), &decoded)
	return decoded, err == nil
}

// valueEnd is the position after any JSON value, or -1.
func valueEnd(text string, at int) int {
	depth := 0
	for start := at; at < len(text); at++ {
		switch text[at] {
		case '"':
			end := jsonscan.StringEnd(text, at)
			if end < 0 {
				return -1
			}
			if depth == 0 {
				if at != start {
					return -1
				}
				return end
			}
			at = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the object around a plain value ends
				return notEmpty(start, at)
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return notEmpty(start, at)
			}
		}
	}
	return -1
}

func notEmpty(start, at int) int {
	if at == start {
		return -1
	}
	return at
}
