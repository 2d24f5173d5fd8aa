// Package lookup finds what belongs to the name of an attribute. A span has dozens of names and each of our components looks
// at all of them: this takes half the time of a map (BenchmarkTable, BenchmarkMap), since a length and eight bytes tell
// most names apart and nothing is hashed.
package lookup

import "slices"

const (
	maxLength = 96 // bytes; longer names are in a map
	maxSame   = 24 // names of one length; more are in a map, since clients may choose names
)

// Table is from names to values. It does not change: With makes another one. The zero value is empty.
type Table[V any] struct {
	byLength [maxLength + 1][]entry[V]
	rest     map[string]V
	count    int
}

type entry[V any] struct {
	tail  uint64 // the last eight bytes of the name
	name  string
	value V
}

// Of makes a table of a map.
func Of[V any](values map[string]V) *Table[V] {
	t := &Table[V]{}
	for name, value := range values {
		t = t.With(name, value)
	}
	return t
}

// Len is how many names it has.
func (t *Table[V]) Len() int { return t.count }

// Get is the value of a name, and whether there is one.
func (t *Table[V]) Get(name string) (value V, ok bool) {
	if len(name) <= maxLength {
		tail := tailOf(name)
		same := t.byLength[len(name)]
		for i := range same {
			if same[i].tail == tail && same[i].name == name {
				return same[i].value, true
			}
		}
		if len(same) < maxSame {
			return value, false
		}
	}
	value, ok = t.rest[name]
	return value, ok
}

// With is the table with one more name, which it must not have yet.
func (t *Table[V]) With(name string, value V) *Table[V] {
	more := *t
	more.count++
	if len(name) <= maxLength && len(t.byLength[len(name)]) < maxSame {
		more.byLength[len(name)] = append(slices.Clip(t.byLength[len(name)]), entry[V]{tailOf(name), name, value})
		return &more
	}
	more.rest = make(map[string]V, len(t.rest)+1)
	for other, was := range t.rest {
		more.rest[other] = was
	}
	more.rest[name] = value
	return &more
}

// tailOf is one load: names differ at their ends rather than at their beginnings.
func tailOf(s string) uint64 {
	if len(s) < 8 {
		return 0
	}
	s = s[len(s)-8:]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
