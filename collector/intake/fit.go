package intake

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	attrCut     = "otelgate.cut.bytes"
	attrDropped = "otelgate.cut.attributes"
	// floor is the shortest that a text is cut to: above it are only contents, since names and ids end at maxName.
	floor = maxName
	// rounds: lists of many short strings come out longer than asked for.
	rounds = 4
)

// leaf is a text of an item that may be cut.
type leaf struct {
	size   int // what it takes where it goes: in JSON, more than its bytes
	length int // of the text
	text   func() string
	set    func(string)
}

// whole is one item as the fitter sees it: what may be cut, what may go, and how large it is.
type whole struct {
	attributes pcommon.Map // the item's own, which take the marks
	leaves     func(add func(leaf))
	parts      func() int  // bytes of its events and links, or of a structured body
	halve      func() bool // removes about half of those, or says that there are none
	scan       func() scan
}

// marks is what the two attributes take that say what was cut.
const marks = 2*(perField+11) + len(attrCut) + len(attrDropped)

// fit cuts an item to its limits: base64 media first, then the largest texts, then whole parts and attributes.
func (m *repairer) fit(w whole, limit, leaves int) {
	before := w.scan()
	tooLarge, tooMany := before.size > limit, leaves > 0 && before.leaves > leaves
	if tooLarge {
		m.done |= 1 << reasonSize
		fitTexts(w, limit-marks)
	}
	dropped := 0
	for {
		now := w.scan()
		over, extra := 0, 0
		if tooLarge {
			over = now.size + marks - limit
		}
		if tooMany {
			extra = now.leaves + 2 - leaves
		}
		if over <= 0 && extra <= 0 {
			break
		}
		if over > 0 && w.parts != nil && w.parts() > now.size/2 && w.halve() {
			continue
		}
		n := dropAttributes(w.attributes, over, extra)
		if n == 0 && (w.halve == nil || !w.halve()) {
			if n = clearHalf(w.attributes); n == 0 {
				break
			}
		}
		dropped += n
	}
	if tooLarge {
		cut := before.size - w.scan().size
		m.cut += cut
		addTo(w.attributes, attrCut, cut)
	}
	if dropped > 0 {
		m.done |= 1 << reasonAttributes
		addTo(w.attributes, attrDropped, dropped)
	}
}

// addTo adds to a number that an earlier gateway may have written.
func addTo(m pcommon.Map, key string, n int) {
	slot, existed := m.GetOrPutEmpty(key)
	if existed && slot.Type() == pcommon.ValueTypeInt {
		n += int(slot.Int())
	}
	slot.SetInt(int64(n))
}

func fitTexts(w whole, limit int) {
	w.leaves(func(l leaf) {
		if l.size > mediaRun {
			if t := l.text(); t != "" {
				if shorter := withoutMedia(t); len(shorter) < len(t) {
					l.set(shorter)
				}
			}
		}
	})
	target := limit
	for range rounds {
		now := w.scan().size
		if now <= limit {
			return
		}
		var all []leaf
		var sizes []int
		budget := target - now
		w.leaves(func(l leaf) {
			all, sizes, budget = append(all, l), append(sizes, l.size), budget+l.size
		})
		height := level(sizes, budget, floor)
		for _, l := range all {
			if l.size > height {
				l.set(cutText(l.text(), height*l.length/l.size))
			}
		}
		if now = w.scan().size; now > limit {
			target -= now - limit
		}
	}
}

// textsOf adds the texts of attributes, however deep.
func textsOf(attributes pcommon.Map, add func(leaf)) {
	for _, value := range attributes.All() {
		textsIn(value, plain, add)
	}
}

func plain(t string) int { return len(t) }

// textsIn adds the texts of a value, each of the size that `measure` says.
func textsIn(v pcommon.Value, measure func(string) int, add func(leaf)) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		add(leaf{measure(v.Str()), len(v.Str()), v.Str, v.SetStr})
	case pcommon.ValueTypeBytes:
		add(leaf{v.Bytes().Len(), v.Bytes().Len(), func() string { return describe("bytes", string(v.Bytes().AsRaw())) }, v.SetStr})
	case pcommon.ValueTypeMap:
		for _, each := range v.Map().All() {
			textsIn(each, measure, add)
		}
	case pcommon.ValueTypeSlice:
		for _, each := range v.Slice().All() {
			textsIn(each, measure, add)
		}
	}
}

// dropAttributes removes attributes that tell least, until so many bytes, and fields, have gone: the largest first,
// or the last ones where they are only too many. It returns how many went.
func dropAttributes(attributes pcommon.Map, over, extra int) int {
	type candidate struct{ at, size, leaves int }
	var all []candidate
	at := 0
	for key, value := range attributes.All() {
		s := scan{size: len(key) + perField}
		s.value(value, 0)
		if (!isTelling(key) || s.size > 4*maxName) && !isNumber(value, key) && !isMark(key) {
			all = append(all, candidate{at, s.size, s.leaves})
		}
		at++
	}
	if over > 0 {
		slices.SortStableFunc(all, func(a, b candidate) int { return b.size - a.size })
	} else {
		slices.Reverse(all)
	}
	gone := make(map[int]bool, len(all))
	for _, each := range all {
		if over <= 0 && extra <= 0 {
			break
		}
		gone[each.at] = true
		over -= each.size
		extra -= each.leaves
	}
	at = -1
	attributes.RemoveIf(func(string, pcommon.Value) bool {
		at++
		return gone[at]
	})
	return len(gone)
}

// clearHalf is the last resort: of attributes that all seem telling, the first half stays.
func clearHalf(attributes pcommon.Map) int {
	n, i := attributes.Len(), 0
	attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
		i++
		return i > n/2 && !isMark(key)
	})
	return n - attributes.Len()
}

func isMark(key string) bool { return key == attrCut || key == attrDropped }

// isNumber: counts, costs and flags of the conventions stay.
func isNumber(v pcommon.Value, key string) bool {
	switch v.Type() {
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
		return strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "llm.") || strings.HasPrefix(key, "otelgate.")
	}
	return false
}
