package operatorfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"otelgate/collector/fault"
)

const (
	maxBytes  = 16 << 20
	maxFaults = 20 // reported of one file
)

// Load reads the file that a setting names; it may have 16 MiB.
func Load(setting, file string) ([]byte, error) {
	content, err := read(file)
	var failed *fs.PathError
	switch {
	case errors.As(err, &failed):
		return nil, fault.Of(setting, file, "a readable file: %w", failed.Err)
	case err != nil:
		return nil, fault.Of(setting, file, "a readable file: %w", err)
	case len(content) > maxBytes:
		return nil, fault.Of(setting, file, "at most %d MiB", maxBytes>>20)
	}
	return content, nil
}

func read(file string) ([]byte, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	return io.ReadAll(io.LimitReader(opened, maxBytes+1))
}

// DecodeYAML puts the content of a file into what `into` points to; see Node.Decode.
func DecodeYAML(setting, file string, content []byte, into any) error {
	top, err := YAML(setting, file, content)
	if err != nil {
		return err
	}
	top.Decode(into)
	return top.Err()
}

// YAML parses the content of a file, one document. An empty one is a mapping without keys.
func YAML(setting, file string, content []byte) (Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return top(file, &yaml.Node{Kind: yaml.MappingNode, Line: 1}), nil
	case err != nil:
		return Node{}, fault.Of(setting, file, "YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	case !errors.Is(decoder.Decode(&second), io.EOF):
		return Node{}, fault.Of(setting, file, "one YAML document")
	}
	return top(file, first.Content[0]), nil
}

// JSON parses the content of a file, one value.
func JSON(setting, file string, content []byte) (Node, error) {
	var valid json.RawMessage
	if err := json.Unmarshal(content, &valid); err != nil {
		line, column := position(content, err)
		return Node{}, fault.Of(setting, file, "JSON: line %d, column %d: %w", line, column, err)
	}
	reader := &jsonReader{content: content, decoder: json.NewDecoder(bytes.NewReader(content)), line: 1}
	reader.decoder.UseNumber()
	return top(file, reader.value(reader.next())), nil
}

// position of a syntax error in a file, from 1.
func position(content []byte, err error) (line, column int) {
	end := len(content)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		end = max(0, int(syntax.Offset)-1)
	}
	before := content[:end]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// jsonReader makes of valid JSON the nodes that YAML's parser would make: it refuses the tabs that JSON may have.
type jsonReader struct {
	content []byte
	decoder *json.Decoder
	line    int
	offset  int
}

func (r *jsonReader) next() json.Token {
	token, _ := r.decoder.Token()
	end := int(r.decoder.InputOffset())
	r.line += bytes.Count(r.content[r.offset:end], []byte("\n"))
	r.offset = end
	return token
}

func (r *jsonReader) value(token json.Token) *yaml.Node {
	made := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line}
	switch token := token.(type) {
	case json.Delim:
		made.Kind = yaml.SequenceNode
		if token == '{' {
			made.Kind = yaml.MappingNode
		}
		for inner := r.next(); inner != json.Delim('}') && inner != json.Delim(']'); inner = r.next() {
			made.Content = append(made.Content, r.value(inner))
		}
	case string:
		made.Value, made.Tag, made.Style = token, "!!str", yaml.DoubleQuotedStyle
	case json.Number:
		made.Value = token.String()
	case bool:
		made.Value, made.Tag = fmt.Sprint(token), "!!bool"
	case nil:
		made.Value, made.Tag = "null", "!!null"
	}
	return made
}

// document collects the faults of a file.
type document struct {
	name   string
	faults []lineFault
}

type lineFault struct {
	line int
	err  error
}

// err joins the faults, in the order of their lines.
func (d *document) err() error {
	slices.SortStableFunc(d.faults, func(one, other lineFault) int { return cmp.Compare(one.line, other.line) })
	var reported fault.List
	for _, each := range d.faults[:min(len(d.faults), maxFaults)] {
		reported.Add(each.err)
	}
	if more := len(d.faults) - len(reported); more > 0 {
		reported.Add(fmt.Errorf("%s: and %d more", d.name, more))
	}
	return reported.Err()
}
