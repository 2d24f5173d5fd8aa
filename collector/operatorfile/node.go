package operatorfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"otelgate/collector/fault"
)

// Node is a value in a file. Reading goes on after a fault: Err reports all of them.
type Node struct {
	path     string
	line     int
	value    *yaml.Node // nil where the file has none
	document *document
	secret   bool
}

func top(file string, value *yaml.Node) Node {
	return Node{line: value.Line, value: resolved(value), document: &document{name: file}}
}

func resolved(value *yaml.Node) *yaml.Node {
	for value != nil && value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	return value
}

// Err joins the faults of the whole file; nil if there are none.
func (n Node) Err() error { return n.document.err() }

// File is the name of its file.
func (n Node) File() string { return n.document.name }

// Secret is the value, of which faults tell only the length.
func (n Node) Secret() Node {
	n.secret = true
	return n
}

// Fault notes that the value is not as expected.
func (n Node) Fault(expected string, args ...any) { n.note(n.shown(), expected, args...) }

func (n Node) note(shown, expected string, args ...any) {
	n.document.faults = append(n.document.faults, lineFault{n.line, n.fault(shown, expected, args...)})
}

// Error says that the value is not as expected, for checks that follow the reading; Err does not report it.
func (n Node) Error(expected string, args ...any) error { return n.fault(n.shown(), expected, args...) }

func (n Node) fault(shown, expected string, args ...any) error {
	return fault.Of(fmt.Sprintf("%s:%d: %s", n.document.name, n.line, cmp.Or(n.path, "content")), shown, expected, args...)
}

// shown is the value as a fault prints it.
func (n Node) shown() string {
	switch {
	case n.value == nil:
		return ""
	case n.value.Kind == yaml.MappingNode:
		return "a mapping"
	case n.value.Kind == yaml.SequenceNode:
		return "a list"
	case n.secret:
		return fmt.Sprintf("%d characters", len(n.value.Value))
	}
	return n.value.Value
}

// isEmpty tells a key with nothing behind it, which is a list or mapping without entries.
func (n Node) isEmpty() bool {
	return n.value != nil && n.value.Value == "" && n.value.ShortTag() == "!!null"
}

func (n Node) child(path string, line int, value *yaml.Node) Node {
	return Node{path: path, line: line, value: resolved(value), document: n.document, secret: n.secret}
}

func (n Node) at(key string) string {
	if n.path == "" {
		return key
	}
	return n.path + "::" + key
}

// Key is the value of a key in a mapping, or one that the file does not have.
func (n Node) Key(key string) Node {
	for i := 0; n.IsMapping() && i+1 < len(n.value.Content); i += 2 {
		if n.value.Content[i].Value == key {
			return n.child(n.at(key), n.value.Content[i+1].Line, n.value.Content[i+1])
		}
	}
	return n.child(n.at(key), n.line, nil)
}

// IsText says whether the value is one.
func (n Node) IsText() bool {
	return n.value != nil && n.value.Kind == yaml.ScalarNode && n.value.ShortTag() != "!!null" && strings.TrimSpace(n.value.Value) != ""
}

// IsList says whether the value is one.
func (n Node) IsList() bool { return n.value != nil && n.value.Kind == yaml.SequenceNode }

// IsMapping says whether the value is one.
func (n Node) IsMapping() bool { return n.value != nil && n.value.Kind == yaml.MappingNode }

// Text is a text that is not empty. Numbers and booleans are texts, too.
func (n Node) Text() string {
	if !n.IsText() {
		n.Fault("a text")
		return ""
	}
	return n.value.Value
}

// textOrNone is a text, which may be empty.
func (n Node) textOrNone() string {
	if n.value == nil || n.value.Kind != yaml.ScalarNode || n.value.ShortTag() == "!!null" {
		n.Fault("a text")
		return ""
	}
	return n.value.Value
}

// OneOf is one of these texts, or "" and a fault.
func (n Node) OneOf(allowed ...string) string {
	if n.value != nil && n.value.Kind == yaml.ScalarNode && slices.Contains(allowed, n.value.Value) {
		return n.value.Value
	}
	n.Fault("%s", choice("", "one of ", allowed))
	return ""
}

func choice(one, several string, allowed []string) string {
	if len(allowed) == 1 {
		return one + allowed[0]
	}
	return several + strings.Join(allowed, ", ")
}

// Texts is a list of texts.
func (n Node) Texts() (read []string) {
	for _, item := range n.Items() {
		read = append(read, item.Text())
	}
	return read
}

// Bool is true or false.
func (n Node) Bool() (is bool) {
	if n.value == nil || n.value.ShortTag() != "!!bool" || n.value.Decode(&is) != nil {
		n.Fault("true or false")
	}
	return is
}

// Number is any number.
func (n Node) Number() float64 {
	number, ok := n.number()
	if !ok {
		n.Fault("a number")
	}
	return number
}

// NumberFrom is a number within two bounds, which the words of `expected` name.
func (n Node) NumberFrom(least, most float64, expected string) float64 {
	number, ok := n.number()
	if !ok || !(number >= least && number <= most) {
		n.Fault("%s", expected)
		return least
	}
	return number
}

func (n Node) number() (number float64, ok bool) {
	if n.value == nil || !slices.Contains([]string{"!!int", "!!float"}, n.value.ShortTag()) {
		return 0, false
	}
	return number, n.value.Decode(&number) == nil
}

// Items are those of a list.
func (n Node) Items() (items []Node) {
	if n.isEmpty() {
		return nil
	}
	if !n.IsList() {
		n.Fault("a list")
		return nil
	}
	for i, item := range n.value.Content {
		items = append(items, n.child(fmt.Sprintf("%s[%d]", n.path, i), item.Line, item))
	}
	return items
}

// Each reads a mapping with any keys, in the file's order. A key that is there twice is a fault.
func (n Node) Each(read func(key string, value Node)) {
	n.each(func(key string, value Node, _ int) { read(key, value) })
}

func (n Node) each(read func(key string, value Node, keyLine int)) {
	if n.isEmpty() {
		return
	}
	if !n.IsMapping() {
		n.Fault("a mapping")
		return
	}
	lines := map[string]int{}
	var merged []Node
	for i := 0; i+1 < len(n.value.Content); i += 2 {
		key, value := n.value.Content[i], n.value.Content[i+1]
		inner := n.child(n.at(key.Value), value.Line, value)
		if key.ShortTag() == "!!merge" {
			merged = append(merged, n.merged(value)...)
		} else if line, twice := lines[key.Value]; twice {
			inner.line = key.Line
			inner.Fault("each key once: line %d has it, too", line)
		} else {
			lines[key.Value] = key.Line
			read(key.Value, inner, key.Line)
		}
	}
	for _, each := range merged {
		each.each(func(key string, value Node, line int) {
			if _, own := lines[key]; !own {
				lines[key] = line
				read(key, value, line)
			}
		})
	}
}

// merged are the mappings of `<<: *anchor`, or of a list of them.
func (n Node) merged(value *yaml.Node) []Node {
	value = resolved(value)
	if value.Kind != yaml.SequenceNode {
		return []Node{n.child(n.path, value.Line, value)}
	}
	var mappings []Node
	for _, each := range value.Content {
		mappings = append(mappings, n.child(n.path, each.Line, each))
	}
	return mappings
}

// Object is a mapping with known keys.
type Object struct {
	node   Node
	values map[string]Node
}

// Object reads a mapping with these keys. Another key is a fault.
func (n Node) Object(keys ...string) Object {
	read := Object{n, map[string]Node{}}
	n.each(func(key string, value Node, line int) {
		if slices.Contains(keys, key) {
			read.values[key] = value
			return
		}
		unknown := n
		unknown.line = line
		unknown.note(key, "%s", choice("the key ", "one of the keys ", keys))
	})
	return read
}

// Without is the object but for one key, which the file may have and no code reads.
func (o Object) Without(key string) Object {
	delete(o.values, key)
	return o
}

// Has says whether the file has the key.
func (o Object) Has(key string) bool {
	_, ok := o.values[key]
	return ok
}

// Len is how many of the keys the file has.
func (o Object) Len() int { return len(o.values) }

// Get is the value of a key. Reading one that the file does not have is a fault.
func (o Object) Get(key string) Node {
	if value, ok := o.values[key]; ok {
		return value
	}
	return o.node.child(o.node.at(key), o.node.line, nil)
}
