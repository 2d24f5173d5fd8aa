package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// scan is one set of attributes on its way through a table. It is used again and again, so that a span costs no
// allocation but for what is written.
type scan struct {
	table         *table
	keepOriginals bool

	present   bits    // slots that have a value
	consumed  bits    // slots that were mapped and go
	values    []value // by slot
	slotOf    []int32 // by position in the attributes
	results   []result
	refused   refused // since the last look, as the next
	cancelled int64

	name      string  // of the span
	duration  float64 // of the span, seconds
	operation string
}

// value is the content of a slot: an attribute's value, or a text out of JSON, or the seconds of an event.
type value struct {
	attribute pcommon.Value
	text      string
	seconds   float64
	kind      valueKind
}

type valueKind uint8

const (
	kindAttribute valueKind = iota
	kindText
	kindSeconds
)

// result is what a target gets.
type result struct {
	set     bool
	inPlace bool // the attribute has it already
	text    string
	whole   int64
	real    float64
	truth   bool
	list    []string
}

func newScan(t *table, keepOriginals bool) *scan {
	return &scan{
		table: t, keepOriginals: keepOriginals,
		values: make([]value, t.slots), results: make([]result, len(t.targets)),
	}
}

// collect fills the slots in one pass over the attributes, and says whether the table knows any of them.
func (s *scan) collect(attributes pcommon.Map) bool {
	t := s.table
	s.present, s.consumed = bits{}, bits{}
	s.slotOf = s.slotOf[:0]
	s.operation = ""
	any := false
	for key, held := range attributes.All() {
		slot, ok := t.attributeSlots.Get(key)
		if !ok {
			slot = t.prefixSlot(key)
		}
		s.slotOf = append(s.slotOf, slot)
		if slot != noSlot {
			s.values[slot] = value{attribute: held}
			s.present.add(slot)
			any = true
		}
	}
	if any && len(t.metadata) > 0 && s.present.has(t.metadataSlot) {
		if text, ok := s.text(t.metadataSlot); ok {
			s.readMetadata(text)
		}
	}
	return any
}

func (t *table) prefixSlot(key string) int32 {
	if key == "" || !t.prefixed[key[0]] {
		return noSlot
	}
	for _, known := range t.prefixes {
		if strings.HasPrefix(key, known.text) {
			return known.slot
		}
	}
	return noSlot
}

// event notes how long after the start an event came. The first of a name counts.
func (s *scan) event(name string, seconds float64) {
	if slot, ok := s.table.events[name]; ok && !s.present.has(slot) && seconds >= 0 {
		s.values[slot] = value{kind: kindSeconds, seconds: seconds}
		s.present.add(slot)
	}
}

// text is a slot's value where that is a text.
func (s *scan) text(slot int32) (string, bool) {
	held := &s.values[slot]
	switch {
	case held.kind == kindText:
		return held.text, true
	case held.kind == kindAttribute && held.attribute.Type() == pcommon.ValueTypeStr:
		return held.attribute.Str(), true
	}
	return "", false
}

func (s *scan) holds(when []compiledCondition) bool {
	for i := range when {
		if !s.holdsOne(&when[i]) {
			return false
		}
	}
	return true
}

func (s *scan) holdsOne(one *compiledCondition) bool {
	if one.slot == operationResult {
		return one.Holds(s.operation != "", s.operation, s.name)
	}
	present := s.present.has(one.slot)
	if !present || one.OfPresence() {
		return one.Holds(present, "", s.name)
	}
	text, is := s.text(one.slot)
	return one.Holds(is, text, s.name)
}

// findOperation applies the rules and notes which attributes decided.
func (s *scan) findOperation() {
	own := ""
	if s.present.has(s.table.operationSlot) {
		own, _ = s.text(s.table.operationSlot)
	}
	s.operation = own
	for i := range s.table.operations {
		rule := &s.table.operations[i]
		if !s.holds(rule.when) {
			continue
		}
		switch rule.operation {
		case operationKeep:
		case operationNone:
			s.operation = ""
			if own != "" {
				s.consumed.add(s.table.operationSlot)
			}
			return // its kind stays: nothing else says what it was
		default:
			s.operation = rule.operation
		}
		for _, slot := range rule.consumes {
			s.consume(slot)
		}
		return
	}
}

func (s *scan) consume(slot int32) {
	if !s.keepOriginals {
		s.consumed.add(slot)
	}
}

// resolve finds every target's value.
func (s *scan) resolve(modelCall bool) {
	for i := range s.table.targets {
		s.results[i] = result{}
		target := &s.table.targets[i]
		if !target.always && !target.mask.meets(&s.present) {
			continue
		}
		if i == s.table.known.cost && !modelCall {
			continue // an agent's sum would count its calls' costs again
		}
		s.resolveOne(target, &s.results[i])
	}
}

func (s *scan) resolveOne(target *target, into *result) {
	for i := range target.sources {
		if from := &target.sources[i]; s.usable(from) {
			if s.take(target, from, into); into.set {
				break
			}
		}
	}
	if !into.set {
		if s.present.has(target.slot) && s.isPlaceholder(target) {
			s.consumed.add(target.slot) // a placeholder is worse than nothing
		}
		return
	}
	for i := range target.sources {
		from := &target.sources[i]
		if from.slot != noSlot && from.slot != target.slot && !from.keep && s.usable(from) {
			s.consume(from.slot)
		}
	}
}

func (s *scan) usable(from *source) bool {
	if from.slot != noSlot && !s.present.has(from.slot) {
		return false
	}
	return len(from.when) == 0 || s.holds(from.when)
}

func (s *scan) isPlaceholder(target *target) bool {
	text, ok := s.text(target.slot)
	return ok && ignored(target, text)
}

func ignored(target *target, text string) bool {
	for _, one := range target.ignore {
		if strings.EqualFold(one, text) {
			return true
		}
	}
	return false
}
