package pricing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// node is a place in a JSON document. Reading goes on after a problem; problems collect at the document. Decoding into
// structs would stop at the first problem, and would not say in which of some hundred models it is.
type node struct {
	path  string
	value any
	doc   *document
}

// document collects what is wrong with a file, each with its place.
type document struct {
	name     string
	problems []string
}

const maxProblems = 5 // maximum problems reported per file

// readDocument reads JSON that must be one object.
func readDocument(name string, content []byte) (node, error) {
	doc := &document{name: name}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err == nil {
		if _, extra := decoder.Token(); !errors.Is(extra, io.EOF) {
			err = fmt.Errorf("something follows the object")
		}
	}
	if err != nil {
		line, column := position(content, err, decoder.InputOffset())
		return node{}, fmt.Errorf("%s:%d:%d: %w: expected one JSON object", name, line, column, err)
	}
	return node{value: value, doc: doc}, nil
}

// position of a syntax error in the file, from 1.
func position(content []byte, err error, offset int64) (line, column int) {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset - 1
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		offset = int64(len(content))
	}
	before := content[:max(0, min(offset, int64(len(content))))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.Sort(d.problems) // objects are read in no order
	told := d.problems[:min(len(d.problems), maxProblems)]
	text := strings.Join(told, "; ")
	if more := len(d.problems) - len(told); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("%s: %s", d.name, text)
}

// fail notes what was found here and what was expected.
func (n node) fail(expected string, args ...any) {
	n.doc.problems = append(n.doc.problems,
		fmt.Sprintf("%s: %s: expected %s", n.at(), n.shown(), fmt.Sprintf(expected, args...)))
}

func (n node) at() string {
	if n.path == "" {
		return "(top)"
	}
	return n.path
}

func (n node) shown() string {
	if n.value == nil {
		return "nothing"
	}
	text, _ := json.Marshal(n.value)
	if len(text) > 60 {
		return string(text[:57]) + "..."
	}
	return string(text)
}

// fields of an object; a comment may be in any. Without a list of names all are allowed.
func (n node) fields(allowed ...string) map[string]node {
	object, ok := n.value.(map[string]any)
	if !ok {
		n.fail("an object")
		return nil
	}
	out := make(map[string]node, len(object))
	for key, value := range object {
		child := node{path: strings.TrimPrefix(n.path+"."+key, "."), value: value, doc: n.doc}
		switch {
		case key == "comment":
		case len(allowed) > 0 && !slices.Contains(allowed, key):
			n.doc.problems = append(n.doc.problems,
				fmt.Sprintf("%s: unknown: expected one of %s", child.path, strings.Join(allowed, ", ")))
		default:
			out[key] = child
		}
	}
	return out
}

func (n node) items() []node {
	list, ok := n.value.([]any)
	if !ok {
		n.fail("a list")
		return nil
	}
	out := make([]node, len(list))
	for i, value := range list {
		out[i] = node{path: fmt.Sprintf("%s[%d]", n.path, i), value: value, doc: n.doc}
	}
	return out
}

func (n node) text() string {
	text, ok := n.value.(string)
	if !ok || strings.TrimSpace(text) == "" {
		n.fail("a string that isn't empty")
	}
	return text
}

func (n node) texts() []string {
	var out []string
	for _, item := range n.items() {
		out = append(out, item.text())
	}
	return out
}

// number from 0 to a limit that keeps every cost finite.
func (n node) number(what string) float64 {
	if number, ok := n.value.(json.Number); ok {
		if value, err := number.Float64(); err == nil && value >= 0 && value <= 1e12 {
			return value
		}
	}
	n.fail("%s, a number from 0 to 1e12", what)
	return 0
}
