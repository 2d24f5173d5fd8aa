package genai

import (
	_ "embed"
	"math"
	"slices"
	"strings"

	"otelgate/collector/condition"
	"otelgate/collector/operatorfile"
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
	Operations      []operationRule   `mapstructure:"operations"`
	Attributes      attributeRules    `mapstructure:"attributes"`
	Names           map[string]string `mapstructure:"names"`
	ModelCalls      []string          `mapstructure:"model_calls"`
	AgentOperations []string          `mapstructure:"of_an_agent"`
	Cancelled       []string          `mapstructure:"cancelled"`
	Logs            []string          `mapstructure:"logs"`
}

type operationRule struct {
	Operation string        `mapstructure:"operation"`
	When      condition.All `mapstructure:"when"`
}

// ReadNode reads a rule, which has both keys.
func (r *operationRule) ReadNode(n operatorfile.Node) {
	type plain operationRule
	n.Decode((*plain)(r))
	if n.IsMapping() && (r.Operation == "" || len(r.When) == 0) {
		n.Fault("an operation and a when")
	}
}

// attributeRules are in the file's order.
type attributeRules []attributeRule

// ReadNode reads the rules by the names of their attributes.
func (r *attributeRules) ReadNode(n operatorfile.Node) {
	n.Each(func(name string, value operatorfile.Node) {
		rule := attributeRule{at: value, name: name}
		value.Decode(&rule)
		*r = append(*r, rule)
	})
}

type attributeRule struct {
	at      operatorfile.Node
	name    string
	Kind    attributeType `mapstructure:"type"`
	From    []sourceRule  `mapstructure:"from"`
	Ignore  []string      `mapstructure:"ignore"`
	Values  lowerKeys     `mapstructure:"values"`
	Replace bool          `mapstructure:"replace"`
	// Max bounds a number, which is then 0 or more; 0 is no bound.
	Max           aboveZero `mapstructure:"max"`
	BelowDuration bool      `mapstructure:"below_duration"`
}

// attributeType is one of attributeTypes.
type attributeType string

var attributeTypes = []string{"string", "int", "double", "bool", "strings"}

// ReadNode reads one of the types.
func (t *attributeType) ReadNode(n operatorfile.Node) {
	*t = attributeType(n.OneOf(attributeTypes...))
}

// lowerKeys are words by other words in lower case.
type lowerKeys map[string]string

// ReadNode reads the words.
func (k *lowerKeys) ReadNode(n operatorfile.Node) {
	*k = lowerKeys{}
	n.Each(func(from string, to operatorfile.Node) { (*k)[strings.ToLower(from)] = to.Text() })
}

// aboveZero is a number that is.
type aboveZero float64

// ReadNode reads the number.
func (a *aboveZero) ReadNode(n operatorfile.Node) {
	*a = aboveZero(n.NumberFrom(math.SmallestNonzeroFloat64, math.MaxFloat64, "a number above 0"))
}

type sourceRule struct {
	at                  operatorfile.Node
	Attribute           string        `mapstructure:"attribute"`
	Event               string        `mapstructure:"event"`
	Span                spanName      `mapstructure:"span"`
	Scale               aboveZero     `mapstructure:"scale"`
	UnlessWholeDuration bool          `mapstructure:"unless_whole_duration"`
	UnlessEqual         string        `mapstructure:"unless_equal"`
	When                condition.All `mapstructure:"when"`
	Keep                bool          `mapstructure:"keep"`
}

// ReadNode reads the name of an attribute, or a mapping with one of three origins.
func (r *sourceRule) ReadNode(n operatorfile.Node) {
	*r = sourceRule{at: n, Scale: 1}
	if n.IsText() {
		r.Attribute = n.Text()
		return
	}
	type plain sourceRule
	n.Decode((*plain)(r))
	if given := count(r.Attribute != "", r.Event != "", bool(r.Span)); given != 1 && n.Err() == nil {
		n.Fault("exactly one of attribute, event, span")
	}
}

// spanName says that the source is the span's name.
type spanName bool

// ReadNode reads the only word that there is.
func (s *spanName) ReadNode(n operatorfile.Node) { *s = n.OneOf(spanNameWord) != "" }

func count(given ...bool) (n int) {
	for _, is := range given {
		if is {
			n++
		}
	}
	return n
}

// loadMapping reads the built-in mapping, and on top of it the operator's file where there is one.
func loadMapping(file string) (*mapping, error) {
	base, err := parseMapping(defaultMappingFile, defaultMapping)
	if err != nil || file == "" {
		return base, err
	}
	text, err := operatorfile.Load("mapping_file", file)
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
	parsed := &mapping{}
	return parsed, operatorfile.DecodeYAML("mapping_file", file, text, parsed)
}

// add puts what an operator wrote in front of what is built in.
func (m *mapping) add(own *mapping) {
	m.Operations = append(own.Operations, m.Operations...)
	for _, rule := range own.Attributes {
		m.addAttribute(rule)
	}
	for operation, attribute := range own.Names {
		m.Names[operation] = attribute
	}
	m.ModelCalls = append(m.ModelCalls, own.ModelCalls...)
	m.AgentOperations = append(m.AgentOperations, own.AgentOperations...)
	m.Cancelled = append(m.Cancelled, own.Cancelled...)
	m.Logs = append(m.Logs, own.Logs...)
}

func (m *mapping) addAttribute(own attributeRule) {
	at := slices.IndexFunc(m.Attributes, func(rule attributeRule) bool { return rule.name == own.name })
	if at < 0 {
		m.Attributes = append(m.Attributes, own)
		return
	}
	rule := &m.Attributes[at]
	if own.Kind != "" {
		rule.Kind = own.Kind
	}
	if own.Max != 0 {
		rule.Max = own.Max
	}
	if own.Replace {
		own.Kind, own.Max, own.BelowDuration = rule.Kind, rule.Max, rule.BelowDuration || own.BelowDuration
		*rule = own
		return
	}
	rule.BelowDuration = rule.BelowDuration || own.BelowDuration
	rule.From = append(own.From, rule.From...)
	rule.Ignore = append(rule.Ignore, own.Ignore...)
	if rule.Values == nil {
		rule.Values = lowerKeys{}
	}
	for from, to := range own.Values {
		rule.Values[from] = to
	}
}
