package redact

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	maxDepth = 32 // any-values nested deeper are removed: no application needs them, and a stack is finite
	maxSlice = 16 // longer arrays of an unlisted attribute go: an embedding can be turned back into its text
)

// labels applies `none` to the points of a metric. A label less could make one series of two, so unlisted ones stay
// while they look like names.
func (p *pass) labels(m pcommon.Map) {
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		action := p.names.of(key).action
		if action == actionUnknown && p.cfg.UnknownAttributes != remove {
			action = actionName
		}
		stays := p.stays(action, v, false, 0)
		if !stays {
			p.removed[fieldAttribute]++
		}
		return !stays
	})
}

// plain applies `none` to attributes of what is never GenAI itself.
func (p *pass) plain(m pcommon.Map) { p.nested(m, false, 0) }

// attributes applies `none`; it returns whether the item is GenAI, as strict or one of its attributes says.
func (p *pass) attributes(m pcommon.Map, strict bool) bool {
	generative, kept := strict, false
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		verdict := p.names.of(key)
		generative = generative || verdict.generative
		if p.stays(verdict.action, v, generative, 0) {
			kept = kept || verdict.action == actionUnknown && v.Type() >= pcommon.ValueTypeMap
			kept = kept || verdict.action == actionUnknown && v.Type() == pcommon.ValueTypeStr
			return false
		}
		p.removed[fieldAttribute]++
		return true
	})
	if generative && kept {
		p.dropUnknown(m)
	}
	return generative
}

// dropUnknown removes what stayed before an attribute told that the item is GenAI.
func (p *pass) dropUnknown(m pcommon.Map) {
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		if p.names.of(key).action != actionUnknown || isNumber(v) {
			return false
		}
		p.removed[fieldAttribute]++
		return true
	})
}

func isNumber(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool, pcommon.ValueTypeEmpty:
		return true
	}
	return false
}

// stays cleans v in place as far as a part of it may stay, and tells whether anything may.
func (p *pass) stays(a action, v pcommon.Value, strict bool, depth int) bool {
	if a == actionContent || depth > maxDepth {
		return false
	}
	if isNumber(v) {
		return v.Type() != pcommon.ValueTypeInt || !p.isCard(v.Int())
	}
	switch a {
	case actionText:
		return false
	case actionUnknown:
		if strict || p.cfg.UnknownAttributes == remove {
			return false
		}
	case actionMetadata:
		return v.Type() == pcommon.ValueTypeStr && p.keepMetadata(v)
	case actionStacktrace:
		return v.Type() == pcommon.ValueTypeStr && p.keepFrames(v)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return p.stringStays(a, v)
	case pcommon.ValueTypeSlice:
		return p.sliceStays(a, v.Slice(), strict, depth)
	case pcommon.ValueTypeMap:
		p.nested(v.Map(), strict, depth)
		return v.Map().Len() > 0
	}
	return false // bytes: their content is unknown
}

func (p *pass) stringStays(a action, v pcommon.Value) bool {
	s := v.Str()
	switch a {
	case actionID:
		p.maskID(v)
		return true
	case actionIdentity:
		return p.identityStays(v)
	case actionName:
		return p.nameStays(v)
	case actionURL:
		cut, ok := cleanURL(s)
		if ok && cut != s {
			v.SetStr(cut)
		}
		return ok && p.mask(cut) == cut
	default:
		return isIdentifier(s, maxIdentifier) && p.mask(s) == s
	}
}

const maxIdentity = 100 // characters

// identityStays keeps what an agent or a tool is called, in any script: it says who, not what was said.
func (p *pass) identityStays(v pcommon.Value) bool {
	s := v.Str()
	if utf8.RuneCountInString(s) > maxIdentity || strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
		return false
	}
	if masked := p.mask(s); masked != s {
		v.SetStr(masked)
	}
	return true
}

func (p *pass) nameStays(v pcommon.Value) bool {
	s := v.Str()
	cleaned, ok := p.cleanName(s)
	if cleaned != s {
		v.SetStr(cleaned)
	}
	return ok
}

// cleanName masks what is random in a name (an id in a route); a text is not a name, even when masked.
func (p *pass) cleanName(s string) (cleaned string, ok bool) {
	key, known := p.memory.knows(s, lookName)
	if known {
		return s, true
	}
	cleaned = p.redactText(s)
	if ok = isName(cleaned); ok && cleaned == s {
		p.memory.add(key)
	}
	return cleaned, ok
}

func (p *pass) sliceStays(a action, values pcommon.Slice, strict bool, depth int) bool {
	if a != actionID && a != actionName && a != actionIdentity && values.Len() > maxSlice {
		return false
	}
	for _, v := range values.All() {
		if !p.stays(a, v, strict, depth+1) {
			return false
		}
	}
	return true
}

func (p *pass) nested(m pcommon.Map, strict bool, depth int) {
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		stays := p.stays(p.names.of(key).action, v, strict, depth+1)
		if !stays {
			p.removed[fieldAttribute]++
		}
		return !stays
	})
}

// isCard takes integers of 13 digits and more for what they may be. Smaller ones, and all else that is a number, stay.
func (p *pass) isCard(n int64) bool {
	if n < 2e12 || !p.rules.enabled[ruleCard] {
		return false
	}
	var buffer [20]byte
	if digits := strconv.AppendInt(buffer[:0], n, 10); !isCardNumber(digits, false) {
		return false
	}
	p.masked[ruleCard]++
	return true
}

// maskMap applies `masked` to keys and values. Only keys that change have a cost: they are inserted again.
func (p *pass) maskMap(m pcommon.Map, depth int) {
	dirty := false
	for key, v := range m.All() {
		verdict := p.names.of(key)
		switch isText := v.Type() == pcommon.ValueTypeStr; {
		case isText && verdict.credential && v.Str() != "":
			v.SetStr(p.rules.markers[ruleCredential])
			p.masked[ruleCredential]++
		case isText && verdict.action == actionID:
			p.maskID(v)
		default:
			p.maskValue(v, depth)
		}
		dirty = dirty || verdict.dirty
	}
	if !dirty {
		return
	}
	old := pcommon.NewMap()
	m.MoveTo(old)
	for key, v := range old.All() {
		v.MoveTo(m.PutEmpty(p.mask(key)))
	}
}

func (p *pass) maskValue(v pcommon.Value, depth int) {
	if depth > maxDepth {
		v.SetStr(removed)
		p.removed[fieldAttribute]++
		return
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := v.Str()
		if masked := p.mask(s); masked != s {
			v.SetStr(masked)
		}
	case pcommon.ValueTypeBytes:
		s := string(v.Bytes().AsRaw())
		if masked := p.mask(s); masked != s {
			v.Bytes().FromRaw([]byte(masked))
		}
	case pcommon.ValueTypeInt:
		if p.isCard(v.Int()) {
			v.SetStr(p.rules.markers[ruleCard])
		}
	case pcommon.ValueTypeSlice:
		for _, element := range v.Slice().All() {
			p.maskValue(element, depth+1)
		}
	case pcommon.ValueTypeMap:
		p.maskMap(v.Map(), depth+1)
	}
}
