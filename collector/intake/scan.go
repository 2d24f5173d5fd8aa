package intake

import (
	"math"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// faults are what a scan found that has to be repaired; most items have none, and are then left untouched.
type faults uint8

const (
	badText   faults = 1 << iota // no UTF-8, or NUL in it
	badKey                       // empty, too long, or one that becomes no label
	twice                        // two attributes of one name
	longName                     // an id or a name that is too long
	badNumber                    // NaN or infinite
	tooDeep
)

// perField is more than protobuf adds to an attribute: five tags and as many lengths.
const perField = 20

// scan reads an item without changing it. `size` is a little more than its bytes on the wire.
type scan struct {
	faults faults
	size   int
	leaves int
	labels bool // keys become labels: Loki's and Prometheus' names need a letter or digit
	stream bool // values become labels of a stream, where Loki takes U+FFFD for a sign of bad bytes
}

func (s *scan) check(t string) {
	if !isClean(t) || s.stream && strings.Contains(t, "\ufffd") {
		s.faults |= badText
	}
}

// isClean tells whether text is UTF-8 without NUL. Eight bytes at a time: telemetry is nearly always ASCII.
func isClean(t string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(t) >= 8 {
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		if (w|(w-ones))&highs != 0 { // a byte of 0x80 or more, or of 0
			return isCleanSlowly(t)
		}
		t = t[8:]
	}
	for i := range len(t) {
		if t[i]-1 >= 0x7f {
			return isCleanSlowly(t)
		}
	}
	return true
}

func isCleanSlowly(t string) bool {
	return utf8.ValidString(t) && strings.IndexByte(t, 0) < 0
}

// text is a separate field.
func (s *scan) text(t string) {
	s.size += len(t) + perField
	s.check(t)
}

// title is a field that names something.
func (s *scan) title(t string) {
	s.text(t)
	if len(t) > maxName {
		s.faults |= longName
	}
}

func (s *scan) attributes(m pcommon.Map, depth int) {
	var seen [4]uint64
	if depth >= maxDepth {
		s.faults |= tooDeep
		return
	}
	n := 0
	for key, value := range m.All() {
		s.size += len(key) + perField
		s.check(key)
		if len(key) == 0 || len(key) > maxKey || depth == 0 && s.labels && !becomesLabel(key) {
			s.faults |= badKey
		} else {
			bit := uint8(len(key)) ^ key[len(key)-1]<<2 ^ key[len(key)/2]<<1 ^ key[len(key)/3]
			if seen[bit>>6]&(1<<(bit&63)) != 0 && before(m, key, n) {
				s.faults |= twice
			}
			seen[bit>>6] |= 1 << (bit & 63)
		}
		if value.Type() == pcommon.ValueTypeStr {
			t := value.Str()
			s.leaves++
			s.size += len(t)
			s.check(t)
			if len(t) > maxName && isTelling(key) {
				s.faults |= longName
			}
		} else {
			s.value(value, depth)
		}
		n++
	}
}

// compared: among more attributes than this, duplicate names are not searched. They harm no store; they only leave
// open which counts.
const compared = 1024

// before tells whether one of the first n keys is this one.
func before(m pcommon.Map, key string, n int) bool {
	if n > compared {
		return false
	}
	i := 0
	for other := range m.All() {
		if i == n {
			return false
		}
		if len(other) == len(key) && other == key {
			return true
		}
		i++
	}
	return false
}

func (s *scan) value(v pcommon.Value, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s.leaves++
		s.text(v.Str())
	case pcommon.ValueTypeDouble:
		s.leaves++
		s.size += 9
		if f := v.Double(); math.IsNaN(f) || math.IsInf(f, 0) {
			s.faults |= badNumber
		}
	case pcommon.ValueTypeBytes:
		s.leaves++
		s.size += v.Bytes().Len() + perField
	case pcommon.ValueTypeMap:
		s.size += perField
		s.attributes(v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		s.size += perField
		s.leaves++ // a list becomes one field
		s.slice(v.Slice(), depth+1)
	default:
		s.leaves++
		s.size += 11
	}
}

func (s *scan) slice(list pcommon.Slice, depth int) {
	if depth >= maxDepth {
		s.faults |= tooDeep
		return
	}
	leaves := s.leaves
	for _, each := range list.All() {
		s.size += 6
		s.value(each, depth)
	}
	s.leaves = leaves
}

// becomesLabel tells whether something is left of a key when Loki and Prometheus have made a label of it.
func becomesLabel(key string) bool {
	for i := range len(key) {
		if b := key[i]; '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z' {
			return true
		}
	}
	return false
}

// isTelling tells whether an attribute names or identifies something, by the last word of its key: such values are
// never cut as content is, since what was different has to stay different.
func isTelling(key string) bool {
	word := key[strings.LastIndexAny(key, "._-")+1:]
	switch word {
	case "id", "ids", "uid", "uuid", "name", "model", "provider", "tier", "version", "feature", "key", "namespace":
		return true
	}
	return strings.HasSuffix(word, "Id") || strings.HasSuffix(word, "Name")
}
