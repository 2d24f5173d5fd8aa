package intake

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

const (
	mediaRun  = 2048 // shorter runs of base64 stay
	mediaNear = 256  // how far from it a part of a message says what its data is
)

var mediaByte = func() (set [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=") {
		set[b] = true
	}
	return set
}()

var mediaKind = regexp.MustCompile(`"(?:mime_?type|media_?type|mimeType|mediaType|format)"\s*:\s*"([A-Za-z0-9.+/-]{1,64})"`)

// withoutMedia puts kind, size and hash in place of images, sound and files that are in a text as base64: in data:
// URLs, and in parts of messages. In JSON it leaves valid JSON.
func withoutMedia(t string) string {
	var out strings.Builder
	done := 0
	for from := 0; from < len(t); {
		start, end := nextRun(t, from)
		if start < 0 {
			break
		}
		from = end
		replaced, described := start, ""
		if prefix := dataURL(t[done:start]); prefix != "" {
			kind, _, _ := strings.Cut(strings.TrimPrefix(prefix, "data:"), ";")
			replaced, described = start-len(prefix), describe(kind, t[start:end])
		} else if kind := kindOf(t, start, end); kind != "" {
			described = describe(kind, t[start:end])
		}
		if described != "" {
			out.WriteString(t[done:replaced])
			out.WriteString(described)
			done = end
		}
	}
	if done == 0 {
		return t
	}
	out.WriteString(t[done:])
	return out.String()
}

// nextRun finds the next long run of base64, in which JSON may have escaped slashes.
func nextRun(t string, from int) (start, end int) {
	for i := from; i < len(t); {
		if !mediaByte[t[i]] {
			i++
			continue
		}
		start := i
		for i < len(t) && (mediaByte[t[i]] || t[i] == '\\' && i+1 < len(t) && t[i+1] == '/') {
			i++
		}
		if i-start >= mediaRun {
			return start, i
		}
	}
	return -1, -1
}

// dataURL is the beginning of a data: URL in which the text ends, or nothing.
func dataURL(before string) string {
	if !strings.HasSuffix(before, ";base64,") {
		return ""
	}
	at := strings.LastIndex(before[max(0, len(before)-mediaNear):], "data:")
	if at < 0 {
		return ""
	}
	return before[max(0, len(before)-mediaNear)+at:]
}

// kindOf says what a run holds: by the text near it, by its first bytes, or because only random bytes look like it.
func kindOf(t string, start, end int) string {
	if first := decoded(t[start:min(end, start+1024)]); len(first) > 0 {
		if kind := http.DetectContentType(first); !strings.HasPrefix(kind, "text/") && kind != "application/octet-stream" {
			return kind
		}
	}
	before := t[max(0, start-mediaNear):start]
	if found := mediaKind.FindAllStringSubmatch(before, -1); found != nil {
		return found[len(found)-1][1]
	}
	if found := mediaKind.FindStringSubmatch(t[end:min(len(t), end+mediaNear)]); found != nil {
		return found[1]
	}
	var seen [256]bool
	different := 0
	for _, b := range []byte(t[start : start+1024]) {
		if !seen[b] {
			seen[b] = true
			different++
		}
	}
	if different >= 48 {
		return "base64"
	}
	return ""
}

func describe(kind, run string) string {
	content := decoded(run)
	if content == nil {
		content = []byte(run)
	}
	return fmt.Sprintf("[%s of %d bytes, sha256 %x]", kind, len(content), sha256.Sum256(content))
}

var oneAlphabet = strings.NewReplacer("-", "+", "_", "/", `\`, "", "=", "")

func decoded(run string) []byte {
	plain := oneAlphabet.Replace(run)
	content, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil { // cut off in the middle
		content, _ = base64.RawStdEncoding.DecodeString(plain[:len(plain)/4*4])
	}
	return content
}
