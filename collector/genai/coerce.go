package genai

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// take reads a source into a result where the value can be of the target's type and says something.
func (s *scan) take(target *target, from *source, into *result) {
	var read result
	inPlace := from.slot == target.slot
	switch {
	case from.slot == noSlot:
		read.text, read.set = s.name, s.name != ""
	case target.kind == typeInt || target.kind == typeDouble:
		if s.values[from.slot].empty() {
			return
		}
		why := s.readNumber(target, from, &read, &inPlace)
		if read.set = why == accepted; !read.set {
			s.refuse(target, from, why)
		}
	default:
		read.set = s.read(target, from, &read, &inPlace)
	}
	if !read.set {
		return
	}
	if target.kind == typeString {
		if read.text == "" || ignored(target, read.text) {
			return
		}
		if renamed, ok := target.values[strings.ToLower(read.text)]; ok && renamed != read.text {
			read.text, inPlace = renamed, false
		}
		if from.unlessEqual >= 0 && s.results[from.unlessEqual].text == read.text {
			return
		}
	}
	read.inPlace = inPlace
	*into = read
}

func (s *scan) read(target *target, from *source, into *result, inPlace *bool) bool {
	held := &s.values[from.slot]
	var exact, ok bool // exact: the attribute is of the very type
	switch target.kind {
	case typeString:
		into.text, exact, ok = held.asText()
	case typeBool:
		into.truth, exact, ok = held.asBool()
	case typeStrings:
		into.list, exact, ok = held.asList(*inPlace)
	}
	*inPlace = *inPlace && exact
	return ok
}

func (s *scan) readNumber(target *target, from *source, into *result, inPlace *bool) (why refusal) {
	held := &s.values[from.slot]
	var exact bool
	number := 0.0
	if target.kind == typeInt {
		into.whole, exact, why = held.asInt()
		number = float64(into.whole)
	} else {
		into.real, exact, why = held.asFloat()
		into.real *= from.scale
		exact = exact && from.scale == 1
		number = into.real
	}
	*inPlace = *inPlace && exact
	if why != accepted {
		return why
	}
	return s.bounded(target, from, number)
}

// empty says of an attribute that it is there without a value.
func (v *value) empty() bool {
	if v.kind != kindAttribute {
		return false
	}
	kind := v.attribute.Type()
	return kind == pcommon.ValueTypeEmpty || kind == pcommon.ValueTypeStr && v.attribute.Str() == ""
}

func (v *value) asText() (text string, exact, ok bool) {
	switch {
	case v.kind == kindText:
		return v.text, false, true
	case v.kind == kindSeconds:
		return "", false, false
	}
	switch v.attribute.Type() {
	case pcommon.ValueTypeStr:
		return v.attribute.Str(), true, true
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.attribute.Int(), 10), false, true
	}
	return "", false, false
}

// asInt reads a count: a whole number of 0 or more, from any type.
func (v *value) asInt() (whole int64, exact bool, why refusal) {
	if v.kind == kindAttribute && v.attribute.Type() == pcommon.ValueTypeInt {
		if whole = v.attribute.Int(); whole < 0 {
			return 0, true, refusedNegative
		}
		return whole, true, accepted
	}
	switch real, _, why := v.asFloat(); {
	case why != accepted:
		return 0, false, why
	case real < 0:
		return 0, false, refusedNegative
	case real > 1<<53:
		return 0, false, refusedTooLarge
	case real != math.Trunc(real):
		return 0, false, refusedNoNumber
	default:
		return int64(real), false, accepted
	}
}

func (v *value) asFloat() (real float64, exact bool, why refusal) {
	text := v.text
	if v.kind == kindSeconds {
		return v.seconds, false, accepted
	}
	if v.kind == kindAttribute {
		switch v.attribute.Type() {
		case pcommon.ValueTypeDouble:
			real = v.attribute.Double()
			return real, true, finite(real)
		case pcommon.ValueTypeInt:
			return float64(v.attribute.Int()), false, accepted
		case pcommon.ValueTypeStr:
			text = v.attribute.Str()
		default:
			return 0, false, refusedNoNumber
		}
	}
	real, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, false, refusedNoNumber
	}
	return real, false, finite(real)
}

func (v *value) asBool() (truth, exact, ok bool) {
	if v.kind == kindAttribute && v.attribute.Type() == pcommon.ValueTypeBool {
		return v.attribute.Bool(), true, true
	}
	text, _, ok := v.asText()
	truth = strings.EqualFold(text, "true")
	return truth, false, ok && (truth || strings.EqualFold(text, "false"))
}

// asList reads texts: an array of them, JSON of such an array, or one text. An array that stays where it is, isn't
// copied.
func (v *value) asList(inPlace bool) (list []string, exact, ok bool) {
	if v.kind == kindAttribute && v.attribute.Type() == pcommon.ValueTypeSlice {
		items := v.attribute.Slice()
		for i := range items.Len() {
			if items.At(i).Type() != pcommon.ValueTypeStr {
				return nil, false, false
			}
			if !inPlace {
				list = append(list, items.At(i).Str())
			}
		}
		return list, true, true
	}
	text, _, ok := v.asText()
	if !ok || text == "" {
		return nil, false, false
	}
	if text[0] == '[' && json.Unmarshal([]byte(text), &list) == nil {
		return list, false, true
	}
	return []string{text}, false, true
}

// write removes what was mapped and puts what was found. No value of a slot may be read after it.
func (s *scan) write(attributes pcommon.Map) {
	if s.consumed != (bits{}) {
		position := -1
		attributes.RemoveIf(func(string, pcommon.Value) bool {
			position++
			slot := s.slotOf[position]
			return slot != noSlot && s.consumed.has(slot)
		})
	}
	for i := range s.table.targets {
		if found := &s.results[i]; found.set && !found.inPlace && i != s.table.known.cost {
			put(attributes, &s.table.targets[i], found)
		}
	}
}

func put(attributes pcommon.Map, target *target, found *result) {
	switch target.kind {
	case typeString:
		attributes.PutStr(target.name, found.text)
	case typeInt:
		attributes.PutInt(target.name, found.whole)
	case typeDouble:
		attributes.PutDouble(target.name, found.real)
	case typeBool:
		attributes.PutBool(target.name, found.truth)
	case typeStrings:
		list := attributes.PutEmptySlice(target.name)
		list.EnsureCapacity(len(found.list))
		for _, one := range found.list {
			list.AppendEmpty().SetStr(one)
		}
	}
}
