package genai

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"otelgate/collector/fault"
)

// place is a position in a mapping file.
type place struct {
	file string
	line int
	path string
}

func (p place) String() string {
	return fmt.Sprintf("%s:%d: %s", p.file, p.line, p.path)
}

// reader turns YAML nodes into a mapping and collects every fault it meets, so that an author sees all of them together.
type reader struct {
	file   string
	faults []error
}

var attributeTypes = []string{"string", "int", "double", "bool", "strings"}

func (r *reader) at(node *yaml.Node, path string) place {
	return place{file: r.file, line: node.Line, path: path}
}

func (r *reader) fault(node *yaml.Node, path, expected string) {
	if path == "" {
		path = "content"
	}
	r.faults = append(r.faults, fault.Of(r.at(node, path).String(), shown(node), "%s", expected))
}

// shown is a value as an error prints it.
func shown(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return node.Value
	}
}

// fields calls read for each key of a mapping; a key that is none of the allowed is a fault.
func (r *reader) fields(node *yaml.Node, path string, allowed []string, read func(key string, value *yaml.Node, path string)) {
	if node.Kind != yaml.MappingNode {
		r.fault(node, path, "a mapping")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		inner := key.Value
		if path != "" {
			inner = path + "::" + key.Value
		}
		if allowed != nil && !slices.Contains(allowed, key.Value) {
			r.faults = append(r.faults, fmt.Errorf("%s: unknown key, expected one of %s", r.at(key, inner), strings.Join(allowed, ", ")))
			continue
		}
		read(key.Value, value, inner)
	}
}

func (r *reader) text(node *yaml.Node, path string) string {
	if node.Kind != yaml.ScalarNode || node.Value == "" {
		r.fault(node, path, "a text")
		return ""
	}
	return node.Value
}

func (r *reader) boolean(node *yaml.Node, path string) bool {
	if node.Kind != yaml.ScalarNode || (node.Value != "true" && node.Value != "false") {
		r.fault(node, path, "true or false")
	}
	return node.Value == "true"
}

func (r *reader) aboveZero(node *yaml.Node, path string) float64 {
	number, err := strconv.ParseFloat(node.Value, 64)
	if err != nil || !(number > 0) {
		r.fault(node, path, "a number above 0")
	}
	return number
}

func (r *reader) items(node *yaml.Node, path string, read func(item *yaml.Node, path string)) {
	if node.Kind != yaml.SequenceNode {
		r.fault(node, path, "a list")
		return
	}
	for i, item := range node.Content {
		read(item, path+"["+strconv.Itoa(i)+"]")
	}
}

func (r *reader) texts(node *yaml.Node, path string) []string {
	var read []string
	r.items(node, path, func(item *yaml.Node, path string) { read = append(read, r.text(item, path)) })
	return read
}

func (r *reader) mapping(node *yaml.Node, into *mapping) {
	allowed := []string{"operations", "attributes", "names", "model_calls", "of_an_agent", "cancelled", "logs"}
	r.fields(node, "", allowed, func(key string, value *yaml.Node, path string) {
		switch key {
		case "operations":
			r.items(value, path, func(item *yaml.Node, path string) {
				into.operations = append(into.operations, r.operation(item, path))
			})
		case "attributes":
			r.fields(value, path, nil, func(name string, value *yaml.Node, path string) {
				into.attributes = append(into.attributes, r.attribute(name, value, path))
			})
		case "names":
			r.fields(value, path, nil, func(operation string, value *yaml.Node, path string) {
				into.names[operation] = r.text(value, path)
			})
		case "model_calls":
			into.modelCalls = r.texts(value, path)
		case "of_an_agent":
			into.agentOperations = r.texts(value, path)
		case "cancelled":
			into.cancelled = r.texts(value, path)
		case "logs":
			into.logs = r.texts(value, path)
		}
	})
}

func (r *reader) operation(node *yaml.Node, path string) operationRule {
	var rule operationRule
	r.fields(node, path, []string{"operation", "when"}, func(key string, value *yaml.Node, path string) {
		if key == "operation" {
			rule.operation = r.text(value, path)
		} else {
			rule.when = r.conditions(value, path)
		}
	})
	if node.Kind == yaml.MappingNode && (rule.operation == "" || len(rule.when) == 0) {
		r.fault(node, path, "an operation and a when")
	}
	return rule
}

func (r *reader) attribute(name string, node *yaml.Node, path string) attributeRule {
	rule := attributeRule{at: r.at(node, path), name: name}
	allowed := []string{"type", "from", "ignore", "values", "replace", "max", "below_duration"}
	r.fields(node, path, allowed, func(key string, value *yaml.Node, path string) {
		switch key {
		case "type":
			if rule.kind = value.Value; !slices.Contains(attributeTypes, rule.kind) {
				r.fault(value, path, "one of "+strings.Join(attributeTypes, ", "))
			}
		case "from":
			r.items(value, path, func(item *yaml.Node, path string) { rule.from = append(rule.from, r.source(item, path)) })
		case "ignore":
			rule.ignore = r.texts(value, path)
		case "values":
			rule.values = map[string]string{}
			r.fields(value, path, nil, func(from string, value *yaml.Node, path string) {
				rule.values[strings.ToLower(from)] = r.text(value, path)
			})
		case "replace":
			rule.replace = r.boolean(value, path)
		case "max":
			rule.max = r.aboveZero(value, path)
		case "below_duration":
			rule.belowDuration = r.boolean(value, path)
		}
	})
	return rule
}

func (r *reader) source(node *yaml.Node, path string) sourceRule {
	rule := sourceRule{at: r.at(node, path), scale: 1}
	if node.Kind == yaml.ScalarNode {
		rule.attribute = r.text(node, path)
		return rule
	}
	allowed := []string{"attribute", "event", "span", "scale", "unless_whole_duration", "unless_equal", "when", "keep"}
	r.fields(node, path, allowed, func(key string, value *yaml.Node, path string) {
		switch key {
		case "attribute":
			rule.attribute = r.text(value, path)
		case "event":
			rule.event = r.text(value, path)
		case "span":
			if rule.spanName = value.Value == spanNameWord; !rule.spanName {
				r.fault(value, path, spanNameWord)
			}
		case "scale":
			rule.scale = r.aboveZero(value, path)
		case "unless_whole_duration":
			rule.unlessWholeDuration = r.boolean(value, path)
		case "unless_equal":
			rule.unlessEqual = r.text(value, path)
		case "when":
			rule.when = r.conditions(value, path)
		case "keep":
			rule.keep = r.boolean(value, path)
		}
	})
	if given := count(rule.attribute != "", rule.event != "", rule.spanName); given != 1 && len(r.faults) == 0 {
		r.fault(node, path, "exactly one of attribute, event, span")
	}
	return rule
}

func count(given ...bool) (n int) {
	for _, is := range given {
		if is {
			n++
		}
	}
	return n
}

func (r *reader) conditions(node *yaml.Node, path string) []condition {
	var read []condition
	r.fields(node, path, nil, func(attribute string, value *yaml.Node, path string) {
		one := condition{attribute: attribute}
		switch {
		case value.Kind == yaml.SequenceNode:
			one.values = r.texts(value, path)
		case value.Value == "present":
			one.test = testPresent
		case value.Value == "absent":
			one.test = testAbsent
		case value.Value == "span_name":
			one.test = testSpanName
		default:
			r.fault(value, path, "present, absent, span_name or a list of values")
		}
		read = append(read, one)
	})
	return read
}
