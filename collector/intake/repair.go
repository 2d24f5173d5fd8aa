package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// most attributes that are kept of a map that has to be rewritten; each is compared with all before it.
const most = 4096

// cleanText makes of any bytes text that every store takes: what is no UTF-8, and NUL, becomes U+FFFD.
func cleanText(t string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(t, "\ufffd"), "\x00", "\ufffd")
}

// Shorten keeps names and ids that are too long apart: their beginning, and a hash of the whole.
func Shorten(t string, limit int) string {
	if len(t) <= limit {
		return t
	}
	sum := sha256.Sum256([]byte(t))
	tail := "…" + hex.EncodeToString(sum[:8])
	return head(t, limit-len(tail)) + tail
}

// head is the longest beginning of at most n bytes that splits no character.
func head(t string, n int) string {
	if n >= len(t) {
		return t
	}
	for n = max(n, 0); n > 0 && !utf8.RuneStart(t[n]); n-- {
	}
	return t[:n]
}

// repairer repairs one item, by the same rules as scan finds faults, and notes what it did.
type repairer struct {
	labels, stream bool // as in scan
	done           reasons
	cut            int
}

func (m *repairer) text(t string) string {
	cleaned := t
	if !isClean(t) {
		cleaned = cleanText(t)
	}
	if m.stream {
		cleaned = strings.ReplaceAll(cleaned, "\ufffd", "?")
	}
	if cleaned != t {
		m.done |= 1 << reasonText
	}
	return cleaned
}

func (m *repairer) title(t string) string {
	t = m.text(t)
	if len(t) <= maxName {
		return t
	}
	m.done |= 1 << reasonName
	return Shorten(t, maxName)
}

func (m *repairer) key(key string, depth int) string {
	cleaned := m.text(key)
	switch {
	case cleaned == "":
		cleaned = "otelgate.unnamed"
	case len(cleaned) > maxKey:
		cleaned = Shorten(cleaned, maxKey)
	case depth == 0 && m.labels && !becomesLabel(cleaned):
		cleaned = "otelgate.key." + hex.EncodeToString([]byte(head(cleaned, 64)))
	default:
		return cleaned
	}
	m.done |= 1 << reasonKey
	return cleaned
}

// attributes rewrites a map. Of several attributes with one name the last counts, as in the audit sink.
func (m *repairer) attributes(old pcommon.Map, depth int) {
	fresh := pcommon.NewMap()
	fresh.EnsureCapacity(min(old.Len(), most))
	for key, value := range old.All() {
		if fresh.Len() == most {
			m.done |= 1 << reasonAttributes
			break
		}
		key = m.key(key, depth)
		if value.Type() == pcommon.ValueTypeDouble && !isFinite(value.Double()) {
			m.done |= 1 << reasonNumber
			continue
		}
		slot, existed := fresh.GetOrPutEmpty(key)
		if existed {
			m.done |= 1 << reasonKey
		}
		value.MoveTo(slot)
		m.value(key, slot, depth)
	}
	fresh.MoveTo(old)
}

func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func (m *repairer) value(key string, v pcommon.Value, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		if key != "" && isTelling(key) {
			v.SetStr(m.title(v.Str()))
		} else {
			v.SetStr(m.text(v.Str()))
		}
	case pcommon.ValueTypeDouble:
		if !isFinite(v.Double()) { // in a list, whose other members keep their places
			m.done |= 1 << reasonNumber
			pcommon.NewValueEmpty().MoveTo(v)
		}
	case pcommon.ValueTypeMap:
		if depth+1 >= maxDepth {
			m.tooDeep(v)
			return
		}
		m.attributes(v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		if depth+1 >= maxDepth {
			m.tooDeep(v)
			return
		}
		for _, each := range v.Slice().All() {
			m.value("", each, depth+1)
		}
	}
}

func (m *repairer) tooDeep(v pcommon.Value) {
	m.done |= 1 << reasonDepth
	v.SetStr("… [cut: nested too deep]")
}
