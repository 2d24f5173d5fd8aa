package genai

import (
	_ "embed"
	"errors"
	"os"

	"go.yaml.in/yaml/v3"
)

//go:embed mapping.yaml
var defaultMapping []byte

// defaultMappingFile is the name of the embedded file in errors; only developers see those.
const defaultMappingFile = "mapping.yaml (built in)"

// The words of the mapping file.
const (
	operationKey = "operation" // in a condition: the span's operation, once it is known
	spanNameWord = "name"      // span: name

	operationNone = "none"
	operationKeep = "keep"
)

// mapping is the mapping file, as its author wrote it; mapping.yaml explains each part.
type mapping struct {
	operations      []operationRule
	attributes      []attributeRule
	names           map[string]string
	modelCalls      []string
	agentOperations []string
	cancelled       []string
	logs            []string
}

type operationRule struct {
	operation string
	when      []condition
}

type attributeRule struct {
	at      place
	name    string
	kind    string
	from    []sourceRule
	ignore  []string
	values  map[string]string
	replace bool
	// max bounds a number, which is then 0 or more; 0 is no bound.
	max           float64
	belowDuration bool
}

type sourceRule struct {
	at                  place
	attribute           string
	event               string
	spanName            bool
	scale               float64
	unlessWholeDuration bool
	unlessEqual         string
	keep                bool
	when                []condition
}

type condition struct {
	attribute string
	test      test
	values    []string
}

type test uint8

const (
	testValues test = iota
	testPresent
	testAbsent
	testSpanName
)

// loadMapping reads the built-in mapping, and on top of it the operator's file where there is one.
func loadMapping(file string) (*mapping, error) {
	base, err := parseMapping(defaultMappingFile, defaultMapping)
	if err != nil || file == "" {
		return base, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	added, err := parseMapping(file, text)
	if err != nil {
		return nil, err
	}
	base.add(added)
	return base, nil
}

func parseMapping(file string, text []byte) (*mapping, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, errors.New(file + ": " + err.Error())
	}
	parsed := &mapping{names: map[string]string{}}
	if len(document.Content) == 0 {
		return parsed, nil // an empty file adds nothing
	}
	reader := &reader{file: file}
	reader.mapping(document.Content[0], parsed)
	return parsed, errors.Join(reader.faults...)
}

// add puts what an operator wrote in front of what is built in.
func (m *mapping) add(own *mapping) {
	m.operations = append(own.operations, m.operations...)
	for _, rule := range own.attributes {
		m.addAttribute(rule)
	}
	for operation, attribute := range own.names {
		m.names[operation] = attribute
	}
	m.modelCalls = append(m.modelCalls, own.modelCalls...)
	m.agentOperations = append(m.agentOperations, own.agentOperations...)
	m.cancelled = append(m.cancelled, own.cancelled...)
	m.logs = append(m.logs, own.logs...)
}

func (m *mapping) addAttribute(own attributeRule) {
	for i := range m.attributes {
		rule := &m.attributes[i]
		if rule.name != own.name {
			continue
		}
		if own.kind != "" {
			rule.kind = own.kind
		}
		if own.max != 0 {
			rule.max = own.max
		}
		if own.replace {
			own.kind, own.max, own.belowDuration = rule.kind, rule.max, rule.belowDuration || own.belowDuration
			*rule = own
			return
		}
		rule.belowDuration = rule.belowDuration || own.belowDuration
		rule.from = append(own.from, rule.from...)
		rule.ignore = append(rule.ignore, own.ignore...)
		if rule.values == nil {
			rule.values = map[string]string{}
		}
		for from, to := range own.values {
			rule.values[from] = to
		}
		return
	}
	m.attributes = append(m.attributes, own)
}
