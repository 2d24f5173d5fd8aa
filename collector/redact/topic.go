package redact

import (
	_ "embed"
	"strings"

	"go.yaml.in/yaml/v3"
)

// topic is what the words around a number say of it.
type topic uint8

const (
	noTopic    topic = iota
	phoneTopic       // "phone", "WhatsApp": any number of a phone's length is one
	callTopic        // "call", "text": so is one that looks like a phone number
	cardTopic        // "card", "Visa"
	idTopic          // "order", "invoice", "bytes": it counts or names something
)

//go:embed words.yaml
var wordsFile []byte

// words are those of words.yaml: by word where a script parts words by blanks, else by what a text has in it.
var words, joinedWords = func() (map[string]topic, map[string]topic) {
	var file struct{ Phone, Call, Card, ID string }
	if err := yaml.Unmarshal(wordsFile, &file); err != nil {
		panic(err) // embedded: a test reads it
	}
	parted, joined := map[string]topic{}, map[string]topic{}
	for kind, list := range map[topic]string{phoneTopic: file.Phone, callTopic: file.Call, cardTopic: file.Card, idTopic: file.ID} {
		for _, word := range strings.Fields(list) {
			if parted[word] = kind; word[0] >= 0xe0 {
				joined[word] = kind
			}
		}
	}
	return parted, joined
}()

const (
	wordsBefore = 48 // bytes in front of a number whose words speak of it
	wordsBehind = 24
	maxWordLen  = 24
)

// before returns what the nearest word in front of s[i] says that says anything. A line break ends it, unless the number
// is the first of its line.
func before(s string, i int) topic {
	from := max(0, i-wordsBefore)
	if line := strings.LastIndexByte(s[from:max(from, i-2)], '\n'); line >= 0 {
		from += line + 1
	}
	numbered := false
	for end := i; end > from; {
		start := end
		for start > from && isWordByte(s[start-1]) && !isHump(s, start, end) {
			start--
		}
		if start < end {
			if kind := kindOf(s[start:end]); kind == idTopic && numbered {
				return noTopic // order 4711, charged to …: it has its number
			} else if kind != noTopic {
				return kind
			}
			end = start
			continue
		}
		if endsField(s, end-1) {
			return noTopic
		}
		numbered = numbered || isDigit(s[end-1])
		end--
	}
	return noTopic
}

// endsField tells whether s[i] ends what speaks of a value: a field of JSON and a clause before it are another one's.
func endsField(s string, i int) bool {
	switch s[i] {
	case '{', '}', ';':
		return true
	case ',':
		return i > 0 && strings.IndexByte("\"']}", s[i-1]) >= 0
	}
	return false
}

// behind is the same for the words that follow: "0501234567 is my mobile".
func behind(s string, i int) topic {
	to := min(len(s), i+wordsBehind)
	for start := i; start < to; {
		end := start
		for end < to && isWordByte(s[end]) {
			end++
		}
		if end == start {
			if s[start] == '\n' || s[start] == '"' {
				break
			}
			start++
			continue
		}
		if kind := kindOf(s[start:end]); kind != noTopic {
			return kind
		}
		start = end
	}
	return noTopic
}

func isWordByte(b byte) bool { return isLetter(b) || b >= 0x80 }

// isHump tells whether a new word begins at s[at], as in phoneNumber.
func isHump(s string, at, end int) bool {
	return at < end && 'A' <= s[at] && s[at] <= 'Z' && 'a' <= s[at-1] && s[at-1] <= 'z'
}

func kindOf(word string) topic {
	if len(word) <= maxWordLen {
		var folded [maxWordLen]byte
		ascii := true
		for k := range len(word) {
			folded[k] = word[k]
			if ascii = ascii && word[k] < 0x80; isLetter(word[k]) {
				folded[k] |= 0x20
			}
		}
		if kind := words[string(folded[:len(word)])]; kind != noTopic || ascii {
			return kind
		}
		if kind := words[strings.ToLower(word)]; kind != noTopic {
			return kind
		}
	}
	kind, last := noTopic, -1
	if word[0] >= 0xe0 || word[len(word)-1] >= 0x80 {
		for one, of := range joinedWords {
			if at := strings.LastIndex(word, one); at > last {
				kind, last = of, at
			}
		}
	}
	return kind
}
