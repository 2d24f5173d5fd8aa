package redact

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"otelgate/collector/jsonscan"
)

// keepMetadata leaves of OpenInference's metadata JSON the listed keys whose values are names or numbers. It reads
// only the top level, and by hand: every span has one, and encoding/json takes longer than all the rest does.
func (p *pass) keepMetadata(v pcommon.Value) bool {
	s := v.Str()
	kept := make([]byte, 0, 160)
	i := jsonscan.SkipSpace(s, 0)
	if i >= len(s) || s[i] != '{' {
		return false
	}
	for i = jsonscan.SkipSpace(s, i+1); i < len(s) && s[i] == '"'; i = jsonscan.SkipSpace(s, i+1) {
		keyEnd := jsonscan.StringEnd(s, i)
		colon := jsonscan.SkipSpace(s, keyEnd)
		if keyEnd < 0 || colon >= len(s) || s[colon] != ':' {
			return false
		}
		from := jsonscan.SkipSpace(s, colon+1)
		to := valueEnd(s, from)
		if to < 0 {
			return false
		}
		key := s[i+1 : keyEnd-1]
		if _, listed := p.metadataKeys.Get(key); listed && p.metadataStays(s[from:to]) {
			kept = append(kept, ',', '"')
			kept = append(kept, key...)
			kept = append(kept, '"', ':')
			kept = append(kept, s[from:to]...)
		}
		if i = jsonscan.SkipSpace(s, to); i >= len(s) || s[i] != ',' {
			break
		}
	}
	if i >= len(s) || s[i] != '}' || len(kept) == 0 {
		return false
	}
	kept[0] = '{'
	v.SetStr(string(append(kept, '}')))
	return true
}

func (p *pass) metadataStays(raw string) bool {
	if raw[0] == '"' {
		value := raw[1 : len(raw)-1]
		return isName(value) && p.mask(value) == value
	}
	for i := range len(raw) {
		if !isDigit(raw[i]) && raw[i] != '-' && raw[i] != '.' {
			return false
		}
	}
	return len(raw) <= 12
}

// valueEnd returns the place after a JSON value that starts at i, or -1.
func valueEnd(s string, i int) int {
	depth, start := 0, i
	for i < len(s) {
		switch s[i] {
		case '"':
			if i = jsonscan.StringEnd(s, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return ended(start, i)
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n':
			if depth == 0 {
				return ended(start, i)
			}
		}
		i++
	}
	return -1
}

func ended(start, end int) int {
	if start == end {
		return -1
	}
	return end
}

const (
	maxFrames   = 50
	indent      = "  "
	framePrefix = indent + `File "`
)

// isFrame recognises a line of a Python traceback, `  File "shop.py", line 7, in search`. Anything else in a stack trace
// may be a message, or a source line that quotes one. By hand: a failed span has up to a hundred such lines.
func isFrame(line string) bool {
	rest, ok := strings.CutPrefix(line, framePrefix)
	if !ok {
		return false
	}
	file, rest, ok := strings.Cut(rest, `", line `)
	if !ok || file == "" || !isIdentifier(file, 200) {
		return false
	}
	digits := 0
	for digits < len(rest) && isDigit(rest[digits]) {
		digits++
	}
	function, ok := strings.CutPrefix(rest[digits:], ", in ")
	if !ok || digits == 0 || digits > 7 || function == "" {
		return false
	}
	for i := range len(function) {
		if b := function[i]; !isAlnum(b) && b != '_' && b != '.' && b != '<' && b != '>' {
			return false
		}
	}
	return isIdentifier(function, maxName)
}

// keepFrames leaves of a Python stack trace its first block of frames, which no message can come before. A message
// may itself quote a traceback, so what follows the first one is not looked at. Other languages put the message
// in front: nothing of theirs stays.
func (p *pass) keepFrames(v pcommon.Value) bool {
	if p.cfg.StackTraces != frames {
		return false
	}
	rest, ok := strings.CutPrefix(v.Str(), "Traceback (most recent call last):\n")
	if !ok {
		return false
	}
	kept := make([]string, 0, maxFrames)
	for line := range strings.SplitSeq(rest, "\n") {
		if !strings.HasPrefix(line, indent) {
			break
		}
		if p.isFrame(line) {
			kept = append(kept, line[len(indent):])
		}
	}
	if len(kept) == 0 {
		return false
	}
	kept = kept[max(0, len(kept)-maxFrames):]
	for i, frame := range kept {
		kept[i] = p.maskFrame(frame)
	}
	text := strings.Join(kept, "\n")
	if len(p.rules.custom) > 0 { // an operator's rule may look at several lines
		text = p.mask(text)
	}
	p.removed[fieldException]++
	v.SetStr(text)
	return true
}

func (p *pass) isFrame(line string) bool {
	if !strings.HasPrefix(line, framePrefix) {
		return false
	}
	_, known := p.memory.knows(line[len(indent):], lookFrame)
	return known || isFrame(line)
}

func (p *pass) maskFrame(frame string) string {
	key, known := p.memory.knows(frame, lookFrame)
	if known {
		return frame
	}
	masked := p.rules.mask(frame, p.masked)
	if masked == frame {
		p.memory.add(key)
	}
	return masked
}
