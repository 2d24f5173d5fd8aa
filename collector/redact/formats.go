package redact

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed keyformats.yaml
var keyFormatsFile []byte

// vendorFormats is an entry of keyformats.yaml.
type vendorFormats struct {
	Vendor string   `yaml:"vendor"`
	Source string   `yaml:"source"`
	Keys   []string `yaml:"keys"`
}

// keyFormat is one form of a key: a prefix and the text after it, an expression, or the text around an infix.
type keyFormat struct {
	literal string // prefix or infix
	at      int    // place of the trigger byte in it
	rest    *[256]bool
	least   int
	pattern *regexp.Regexp
	before  *[256]bool // of an infix
	most    int        // bytes before an infix
}

const maxPattern = 512 // bytes that an expression may look at

var alphabets = map[string]*[256]bool{
	"hex": setOf(isHex), "lower": setOf(func(b byte) bool { return isDigit(b) || 'a' <= b && b <= 'z' }),
	"upper": setOf(func(b byte) bool { return isDigit(b) || 'A' <= b && b <= 'Z' }), "alnum": setOf(isAlnum),
	"word": &keyByte, "dotted": &dottedByte, "base64": &base64Byte,
}

var keyByte, dottedByte, base64Byte, tokenByte = byteSet("-_"), byteSet("-_.="), byteSet("-_+/=%"), byteSet("._~+/=-")

func setOf(is func(byte) bool) *[256]bool {
	var set [256]bool
	for b := range 256 {
		set[b] = is(byte(b))
	}
	return &set
}

// keyTable finds the formats that may be meant at a byte of a text.
type keyTable struct {
	triggers  [256]*pairs             // by a byte of a prefix that is rare in prose: the pairs of bytes before it
	byPair    map[[3]byte][]keyFormat // prefixes, by that byte and the two before it
	byLetters map[string][]keyFormat  // prefixes of letters alone, by the first two
	letters   pairs                   // those two: most words have others
	byDigit   []keyFormat             // prefixes that begin with a digit
	infixes   [256][]keyFormat
}

// pairs is a set of two bytes.
type pairs [1 << 10]uint64

func (p *pairs) add(a, b byte)      { p[int(a)<<2|int(b>>6)] |= 1 << (b & 63) }
func (p *pairs) has(a, b byte) bool { return p[int(a)<<2|int(b>>6)]&(1<<(b&63)) != 0 }

var keys = func() *keyTable {
	vendors, err := readKeyFormats(keyFormatsFile)
	if err != nil {
		panic(err) // embedded: a test reads it
	}
	table := &keyTable{byPair: map[[3]byte][]keyFormat{}, byLetters: map[string][]keyFormat{}}
	for _, vendor := range vendors {
		for _, key := range vendor.Keys {
			if err := table.add(key); err != nil {
				panic(fmt.Errorf("%s: %w", vendor.Vendor, err))
			}
		}
	}
	return table
}()

func readKeyFormats(content []byte) (vendors []vendorFormats, err error) {
	return vendors, yaml.Unmarshal(content, &vendors)
}

func (t *keyTable) add(key string) error {
	format, infix, err := parseFormat(key)
	if err != nil {
		return err
	}
	switch literal := format.literal; {
	case literal == ":": // a Telegram bot's: keyWithDigits reads it where numbers are read
	case infix:
		format.at = strings.IndexAny(literal, "-_.~")
		t.infixes[literal[format.at]] = append(t.infixes[literal[format.at]], format)
	case isDigit(literal[0]):
		t.byDigit = append(t.byDigit, format)
	default:
		t.addPrefix(format)
	}
	return nil
}

func (t *keyTable) addPrefix(format keyFormat) {
	literal := format.literal
	if at := strings.IndexAny(literal[2:], "-_.~/$=Iz"); at >= 0 {
		format.at = at + 2
		trigger := literal[format.at]
		if t.triggers[trigger] == nil {
			t.triggers[trigger] = &pairs{}
		}
		a, b := literal[format.at-2], literal[format.at-1]
		t.triggers[trigger].add(a, b)
		t.byPair[[3]byte{a, b, trigger}] = append(t.byPair[[3]byte{a, b, trigger}], format)
		if trigger != 'I' && trigger != 'z' {
			return
		}
	}
	t.letters.add(literal[0], literal[1])
	t.byLetters[literal[:2]] = append(t.byLetters[literal[:2]], format)
}

// parseFormat reads a line of keyformats.yaml.
func parseFormat(key string) (format keyFormat, infix bool, err error) {
	if inner, ok := strings.CutPrefix(key, "/"); ok {
		format.pattern, err = regexp.Compile("^(?:" + strings.TrimSuffix(inner, "/") + ")")
		if err == nil {
			format.literal, _ = regexp.MustCompile(strings.TrimSuffix(inner, "/")).LiteralPrefix()
		}
		if err == nil && len(format.literal) < 2 {
			err = fmt.Errorf("%s: an expression must begin with two letters or more", key)
		}
		return format, false, err
	}
	fields := strings.Fields(key)
	if infix = fields[0] == "infix"; infix {
		if format.before, format.most, err = parseRun(fields[1:3]); err != nil {
			return format, infix, err
		}
		fields = fields[3:]
	}
	if fields[0] == "number" { // 12345678:AA…
		format.most, fields = 8, fields[2:]
	}
	format.literal = fields[0]
	format.rest, format.least, err = parseRun(fields[1:])
	return format, infix, err
}

func parseRun(fields []string) (set *[256]bool, least int, err error) {
	if len(fields) != 2 || alphabets[fields[0]] == nil {
		return nil, 0, fmt.Errorf("%v: expected an alphabet and a length", fields)
	}
	least, err = strconv.Atoi(fields[1])
	return alphabets[fields[0]], least, err
}

// end returns where a key of this format ends whose literal starts at i, or 0.
func (f *keyFormat) end(s string, i int) int {
	if !strings.HasPrefix(s[i:], f.literal) {
		return 0
	}
	if f.pattern != nil {
		return i + len(f.pattern.FindString(s[i:min(len(s), i+maxPattern)]))
	}
	body := i + len(f.literal)
	if f.rest == alphabets["upper"] || len(f.literal) >= longPrefix && changesCase(s, body) {
		if end, _ := run(s, body, f.rest); end-body >= f.least {
			return wordEnd(s, body, end)
		}
	}
	return runEnd(s, body, f.rest, f.least)
}

// longPrefix is so long that what follows it needs no digit, if it is no word.
const longPrefix = 5

// changesCase distinguishes random letters from words: they have capitals inside.
func changesCase(s string, body int) bool {
	changes := 0
	for k := body + 1; k < min(len(s), body+leastToken) && keyByte[s[k]]; k++ {
		if isLetter(s[k]) && isLetter(s[k-1]) && (s[k]^s[k-1])&0x20 != 0 {
			changes++
		}
	}
	return changes >= 4
}

// runEnd returns the end of what follows a prefix if that looks like a key's, or 0: so many characters of the alphabet,
// with a digit or so long that it needs none. A key is masked as long as it goes on.
func runEnd(s string, body int, set *[256]bool, least int) int {
	end, digit := run(s, body, set)
	if !secretLike(end-body, least, digit) {
		return 0
	}
	return wordEnd(s, body, end)
}

// wordEnd goes on to the end of the word that a key is, but not into the end of a sentence.
func wordEnd(s string, body, end int) int {
	if rest, _ := run(s, end, &keyByte); rest > end {
		end = rest
	}
	for end > body && strings.IndexByte(".-%", s[end-1]) >= 0 {
		end--
	}
	return end
}

// secretLike tells keys from words that only start like one (sk-learn-tutorial).
func secretLike(length, least int, digit bool) bool {
	return length >= least && (digit || length >= 24)
}

func run(s string, i int, set *[256]bool) (end int, digit bool) {
	for end = i; end < len(s) && set[s[end]]; end++ {
		digit = digit || isDigit(s[end])
	}
	return end, digit
}
