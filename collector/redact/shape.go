package redact

import (
	"regexp"
	"strings"
)

// A programmer's name is short, has few words, and none of them is random. The functions here
// distinguish names from texts; they keep `none` closed for fields that have to stay.

const (
	maxIdentifier = 64 // bytes
	maxName       = 96
	maxSpaces     = 3
	maxForeign    = 24 // bytes beyond ASCII in a name
)

const removed = "[removed]"

var identifierByte, nameByte = byteSet("_-.:/{}<>*+$,@#~="), byteSet("_-.:/{}<>*+$,@#~=()[]&|!'")

func byteSet(punctuation string) (set [256]bool) {
	for b := range 256 {
		set[b] = isAlnum(byte(b))
	}
	for _, b := range []byte(punctuation) {
		set[b] = true
	}
	return set
}

func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isAlnum(b byte) bool  { return isDigit(b) || isLetter(b) }
func isHex(b byte) bool    { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

// isIdentifier tells whether s is one word without a random token in it.
func isIdentifier(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if !identifierByte[s[i]] {
			return false
		}
	}
	return !hasToken(s)
}

// isName allows a few words (`GET /orders/{id}`, `invoke_agent billing bot`) and a few letters beyond ASCII.
func isName(s string) bool {
	if len(s) > maxName {
		return false
	}
	spaces, foreign := 0, 0
	for i := range len(s) {
		switch b := s[i]; {
		case b == ' ':
			spaces++
		case b >= 0x80:
			foreign++
		case !nameByte[b]:
			return false
		}
	}
	return spaces <= maxSpaces && foreign <= maxForeign && !hasToken(s)
}

func hasToken(s string) bool {
	start, _ := nextToken(s, 0)
	return start >= 0
}

// hasKey finds a UUID, or a run so long and with so many digits that it is no word of a programmer's, as requestP95Latency
// is, and not the hash by which `intake` shortens a name.
func hasKey(s string) bool {
	const least, leastDigits = 20, 6
	for start, end := nextToken(s, 0); start >= 0; start, end = nextToken(s, end) {
		digits := 0
		for i := start; i < end; i++ {
			if isDigit(s[i]) {
				digits++
			}
		}
		if end-start >= least && digits >= leastDigits {
			return true
		}
	}
	return false
}

// nextToken finds a run that looks random: 9 digits or more, letters and digits mixed to 12 or more, a UUID,
// or anything of 40 or more. Model names, dates and versions are none of these.
func nextToken(s string, from int) (start, end int) {
	for i := from; i < len(s); {
		if !isAlnum(s[i]) {
			i++
			continue
		}
		start, digits := i, 0
		for ; i < len(s) && isAlnum(s[i]); i++ {
			if isDigit(s[i]) {
				digits++
			}
		}
		length := i - start
		switch {
		case digits == length && length >= 9, digits >= 2 && digits < length && length >= 12, length >= 40:
			return start, i
		case length == 8 && isUUID(s[start:]):
			return start, start + 36
		}
	}
	return -1, -1
}

func isUUID(s string) bool {
	if len(s) < 36 {
		return false
	}
	for i := range 36 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

// maskTokens puts [token] in place of every random run.
func maskTokens(s string, count *int64) string {
	start, end := nextToken(s, 0)
	if start < 0 {
		return s
	}
	var out strings.Builder
	done := 0
	for ; start >= 0; start, end = nextToken(s, end) {
		out.WriteString(s[done:start])
		out.WriteString("[token]")
		done = end
		*count++
	}
	out.WriteString(s[done:])
	return out.String()
}

var plainVersion = regexp.MustCompile(`^v?\d{1,8}(\.\d{1,8})*([-.+]?(a|b|rc|alpha|beta|dev|post|pre|snapshot|SNAPSHOT)[.-]?\d{0,4})?`)

// cleanVersion cuts a version to its numbers when the rest looks random (a commit, a build).
func cleanVersion(s string) string {
	if isIdentifier(s, 32) && plainVersion.MatchString(s) || s == "" {
		return s
	}
	return plainVersion.FindString(s)
}

var knownSchema = regexp.MustCompile(`^https?://opentelemetry\.io/schemas/(gen-ai/)?\d{1,3}\.\d{1,3}\.\d{1,3}$`)

// cleanSchema keeps the semantic conventions' own URLs.
func cleanSchema(s string) string {
	if s == "" || knownSchema.MatchString(s) {
		return s
	}
	return ""
}

var samplingState = regexp.MustCompile(`^ot=((th|rv):[0-9a-f]{1,14};?)+$`)

// cleanTraceState keeps OpenTelemetry's own sampling numbers, which later samplers need.
func cleanTraceState(s string) string {
	for member := range strings.SplitSeq(s, ",") {
		if member = strings.TrimSpace(member); samplingState.MatchString(member) {
			return member
		}
	}
	return ""
}

// cleanURL cuts query, fragment and credentials; false where what is left is no name.
func cleanURL(s string) (string, bool) {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	if i := strings.Index(s, "://"); i >= 0 {
		host, rest := s[i+3:], ""
		if slash := strings.IndexByte(host, '/'); slash >= 0 {
			host, rest = host[:slash], host[slash:]
		}
		s = s[:i+3] + host[strings.LastIndexByte(host, '@')+1:] + rest
	}
	return s, isIdentifier(s, 4*maxIdentifier)
}
