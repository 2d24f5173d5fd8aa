package redact

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"otelgate/collector/fault"
	"otelgate/collector/operatorfile"
)

// The values of `content`.
const (
	contentNone   = "none"
	contentMasked = "masked"
	contentFull   = "full"
	contentOptIn  = "opt_in"
)

// The values of `unknown_attributes`, `log_bodies` and `stack_traces`.
const (
	remove      = "remove"
	identifiers = "identifiers"
	mask        = "mask"
	frames      = "frames"
)

//go:embed policy.yaml
var builtinPolicy []byte

// Config says what one destination may get.
type Config struct {
	// Content is none, masked or full; or opt_in: masked for senders whose resource says so, none for the others.
	Content string `mapstructure:"content"`
	// UnknownAttributes is what `none` does to strings in attributes that no list names, on items that are
	// not GenAI: remove, or keep identifiers (one word, no random token, nothing that a rule masks).
	UnknownAttributes string `mapstructure:"unknown_attributes"`
	// LogBodies is what `none` does to the text of application logs: mask or remove. GenAI events lose theirs always.
	LogBodies string `mapstructure:"log_bodies"`
	// StackTraces is what `none` leaves of them: frames (no messages, no source lines) or nothing (remove).
	StackTraces string `mapstructure:"stack_traces"`
	// PseudonymKeyFile has the key by which an id that is personal data becomes a pseudonym, the same in every store.
	// Without one such ids become the rule's name, and different people the same one.
	PseudonymKeyFile string `mapstructure:"pseudonym_key_file"`
	// PolicyFile adds an operator's lists to the built-in ones; it has the form of policy.yaml.
	PolicyFile string `mapstructure:"policy_file"`
	Policy     `mapstructure:",squash"`
}

// Policy holds the lists; those of the configuration and of PolicyFile add to the built-in ones.
type Policy struct {
	Attributes       AttributeLists `mapstructure:"attributes"`
	Words            []string       `mapstructure:"words"`
	MetadataKeys     []string       `mapstructure:"metadata_keys"`
	GenerativeScopes []string       `mapstructure:"generative_scopes"`
	RequestLoggers   []string       `mapstructure:"request_loggers"`
	Rules            []Rule         `mapstructure:"rules"`
	DisableRules     []string       `mapstructure:"disable_rules"`
}

// AttributeLists are patterns of attribute names; see policy.yaml.
type AttributeLists struct {
	Content    []string `mapstructure:"content"`
	IDs        []string `mapstructure:"ids"`
	Names      []string `mapstructure:"names"`
	Identities []string `mapstructure:"identities"`
	Generative []string `mapstructure:"generative"`
}

// Rule is an operator's masking rule: what Pattern (RE2) finds, and Check confirms, becomes [name].
type Rule struct {
	Name    string `mapstructure:"name"`
	Pattern string `mapstructure:"pattern"`
	// Check is luhn, iban or empty.
	Check string `mapstructure:"check"`
}

func defaultConfig() *Config {
	return &Config{Content: contentNone, UnknownAttributes: identifiers, LogBodies: mask, StackTraces: frames}
}

// Validate reports every fault, each with its path.
func (c *Config) Validate() error {
	var faults fault.List
	faults.OneOf("content", c.Content, contentNone, contentMasked, contentFull, contentOptIn)
	faults.OneOf("unknown_attributes", c.UnknownAttributes, identifiers, remove)
	faults.OneOf("log_bodies", c.LogBodies, mask, remove)
	faults.OneOf("stack_traces", c.StackTraces, frames, remove)
	faults.Add(c.Policy.validate())
	return faults.Err()
}

var ruleName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (p *Policy) validate() error {
	var faults fault.List
	names := slices.Clone(builtinRules[:])
	for i, rule := range p.Rules {
		faults.Add(rule.validate(fmt.Sprintf("rules[%d]", i), names))
		names = append(names, rule.Name)
	}
	for i, rule := range p.Rules {
		faults.Add(rule.sparesMarkers(fmt.Sprintf("rules[%d]", i), names))
	}
	for i, name := range p.DisableRules {
		faults.OneOf(fmt.Sprintf("disable_rules[%d]", i), name, names...)
	}
	for _, list := range p.patternLists() {
		for i, pattern := range *list.patterns {
			faults.Unless(strings.Trim(pattern, "*") != "", fmt.Sprintf("%s[%d]", list.path, i), pattern, "a name, with * for a part of it")
		}
	}
	return faults.Err()
}

func (r Rule) validate(path string, taken []string) error {
	var faults fault.List
	faults.Unless(ruleName.MatchString(r.Name), path+"::name", r.Name, "lower-case letters, digits and _, starting with a letter")
	faults.Unless(!slices.Contains(taken, r.Name), path+"::name", r.Name, "a name that no other rule has")
	if r.Check != "" {
		faults.OneOf(path+"::check", r.Check, "luhn", "iban")
	}
	if compiled, err := regexp.Compile(r.Pattern); err != nil {
		faults.Add(fault.Of(path+"::pattern", r.Pattern, "a regular expression (RE2): %w", err))
	} else {
		faults.Unless(!compiled.MatchString(""), path+"::pattern", r.Pattern, "a pattern that does not match the empty text")
	}
	return faults.Err()
}

// sparesMarkers keeps masking the same text twice from changing it again.
func (r Rule) sparesMarkers(path string, names []string) error {
	compiled, err := regexp.Compile(r.Pattern)
	if err != nil || compiled.MatchString("") {
		return nil // reported already
	}
	for _, name := range names {
		if compiled.MatchString("[" + name + "]") {
			return fault.Of(path+"::pattern", r.Pattern, "a pattern that does not match the marker [%s]", name)
		}
	}
	return nil
}

type patternList struct {
	path     string
	patterns *[]string
}

// patternLists names each list once, for validating and for merging.
func (p *Policy) patternLists() []patternList {
	return []patternList{
		{"attributes::content", &p.Attributes.Content},
		{"attributes::ids", &p.Attributes.IDs},
		{"attributes::names", &p.Attributes.Names},
		{"attributes::identities", &p.Attributes.Identities},
		{"attributes::generative", &p.Attributes.Generative},
		{"words", &p.Words},
		{"metadata_keys", &p.MetadataKeys},
		{"generative_scopes", &p.GenerativeScopes},
		{"request_loggers", &p.RequestLoggers},
	}
}

// load returns the built-in policy with PolicyFile's and the configuration's lists added.
func (c *Config) load() (*Policy, error) {
	merged := &Policy{}
	if err := operatorfile.DecodeYAML("policy_file", "policy.yaml (built in)", builtinPolicy, merged); err != nil {
		return nil, err
	}
	if c.PolicyFile != "" {
		content, err := operatorfile.Load("policy_file", c.PolicyFile)
		if err != nil {
			return nil, err
		}
		added := &Policy{}
		if err := operatorfile.DecodeYAML("policy_file", c.PolicyFile, content, added); err != nil {
			return nil, err
		}
		merged.add(added)
	}
	merged.add(&c.Policy)
	return merged, merged.validate()
}

func (p *Policy) add(more *Policy) {
	from := more.patternLists()
	for i, list := range p.patternLists() {
		*list.patterns = append(*list.patterns, *from[i].patterns...)
	}
	p.Rules = append(p.Rules, more.Rules...)
	p.DisableRules = append(p.DisableRules, more.DisableRules...)
}
