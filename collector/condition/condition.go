// Package condition is the grammar by which operators' files say on which spans and events an entry applies:
//
//	when:
//	  ATTRIBUTE: present        it is there
//	  ATTRIBUTE: absent         it is not
//	  ATTRIBUTE: [a, b]         its value is one of these
//	  ATTRIBUTE: {not: [a, b]}  its value is none of these, or it is absent
//	  ATTRIBUTE: span_name      its value is the span's name
//
// All must hold. Each file names what it offers besides attributes.
package condition

import (
	"slices"

	"otelgate/collector/operatorfile"
)

// Test is what a condition says of its attribute.
type Test uint8

// The tests.
const (
	OneOf Test = iota
	NoneOf
	Present
	Absent
	SpanName
)

var words = map[string]Test{"present": Present, "absent": Absent, "span_name": SpanName}

// Condition is one line of a `when`.
type Condition struct {
	Attribute string
	Test      Test
	Values    []string
}

// Holds says whether the condition does, of an attribute's text. One that is no text counts as absent, so Present and
// Absent are asked with the text of any kind.
func (c *Condition) Holds(present bool, text, spanName string) bool {
	switch c.Test {
	case Present:
		return present
	case Absent:
		return !present
	case SpanName:
		return present && text == spanName
	case NoneOf:
		return !present || !slices.Contains(c.Values, text)
	}
	return present && slices.Contains(c.Values, text)
}

// OfPresence says whether the value does not matter to the condition.
func (c *Condition) OfPresence() bool { return c.Test == Present || c.Test == Absent }

// All is a `when`: each of its conditions must hold.
type All []Condition

// ReadNode reads a `when`.
func (a *All) ReadNode(n operatorfile.Node) {
	if !n.IsMapping() {
		n.Fault("a mapping of attributes")
		return
	}
	n.Each(func(attribute string, value operatorfile.Node) {
		if attribute == "" {
			value.Fault("the name of an attribute in front of it")
		}
		one := Condition{Attribute: attribute}
		one.read(value)
		*a = append(*a, one)
	})
}

func (c *Condition) read(value operatorfile.Node) {
	switch {
	case value.IsList():
		c.Test, c.Values = OneOf, values(value)
	case value.IsMapping():
		c.Test, c.Values = NoneOf, values(value.Object("not").Get("not"))
	default:
		word := ""
		if value.IsText() {
			word = value.Text()
		}
		test, ok := words[word]
		if !ok {
			value.Fault("present, absent, span_name, a list of values or {not: a list of values}")
		}
		c.Test = test
	}
}

func values(list operatorfile.Node) []string {
	read := list.Texts()
	if list.IsList() && len(read) == 0 {
		list.Fault("at least one value")
	}
	return read
}
