package redact

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
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
	return errors.Join(
		oneOf("content", c.Content, contentNone, contentMasked, contentFull, contentOptIn),
		oneOf("unknown_attributes", c.UnknownAttributes, identifiers, remove),
		oneOf("log_bodies", c.LogBodies, mask, remove),
		oneOf("stack_traces", c.StackTraces, frames, remove),
		c.Policy.validate(),
	)
}

func oneOf(name, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("`%s` must be one of %s, got %q", name, strings.Join(allowed, ", "), value)
}

var ruleName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (p *Policy) validate() error {
	var faults []error
	names := slices.Clone(builtinRules[:])
	for i, rule := range p.Rules {
		if err := rule.validate(names); err != nil {
			faults = append(faults, fmt.Errorf("rules::%d: %w", i, err))
		}
		names = append(names, rule.Name)
	}
	for i, rule := range p.Rules {
		if err := rule.sparesMarkers(names); err != nil {
			faults = append(faults, fmt.Errorf("rules::%d: %w", i, err))
		}
	}
	for i, name := range p.DisableRules {
		if !slices.Contains(names, name) {
			faults = append(faults, fmt.Errorf("disable_rules::%d: unknown rule %q, expected one of %s", i, name, strings.Join(names, ", ")))
		}
	}
	for _, list := range p.patternLists() {
		for i, pattern := range *list.patterns {
			if strings.Trim(pattern, "*") == "" {
				faults = append(faults, fmt.Errorf("%s::%d: must name something, got %q", list.path, i, pattern))
			}
		}
	}
	return errors.Join(faults...)
}

func (r Rule) validate(taken []string) error {
	if !ruleName.MatchString(r.Name) {
		return fmt.Errorf("`name` must be lower-case letters, digits and _, starting with a letter, got %q", r.Name)
	}
	if slices.Contains(taken, r.Name) {
		return fmt.Errorf("`name` is taken: %q", r.Name)
	}
	if r.Check != "" {
		if err := oneOf("check", r.Check, "luhn", "iban"); err != nil {
			return err
		}
	}
	compiled, err := regexp.Compile(r.Pattern)
	if err != nil {
		return fmt.Errorf("`pattern` must be a regular expression (RE2): %w", err)
	}
	if compiled.MatchString("") {
		return fmt.Errorf("`pattern` must not match the empty text, got %q", r.Pattern)
	}
	return nil
}

// sparesMarkers keeps masking the same text twice from changing it again.
func (r Rule) sparesMarkers(names []string) error {
	compiled, err := regexp.Compile(r.Pattern)
	if err != nil {
		return nil // told already
	}
	for _, name := range names {
		if compiled.MatchString("["+name+"]") && !compiled.MatchString("") {
			return fmt.Errorf("`pattern` must not match the marker [%s], got %q", name, r.Pattern)
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
	merged, err := parsePolicy(builtinPolicy)
	if err != nil {
		return nil, fmt.Errorf("built-in policy: %w", err)
	}
	if c.PolicyFile != "" {
		content, err := os.ReadFile(c.PolicyFile)
		if err != nil {
			return nil, fmt.Errorf("policy_file: %w", err)
		}
		added, err := parsePolicy(content)
		if err != nil {
			return nil, fmt.Errorf("policy_file: %s: %w", c.PolicyFile, err)
		}
		merged.add(added)
	}
	merged.add(&c.Policy)
	return merged, merged.validate()
}

func parsePolicy(content []byte) (*Policy, error) {
	retrieved, err := confmap.NewRetrievedFromYAML(content)
	if err != nil {
		return nil, err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return nil, err
	}
	policy := &Policy{}
	return policy, conf.Unmarshal(policy)
}

func (p *Policy) add(more *Policy) {
	from := more.patternLists()
	for i, list := range p.patternLists() {
		*list.patterns = append(*list.patterns, *from[i].patterns...)
	}
	p.Rules = append(p.Rules, more.Rules...)
	p.DisableRules = append(p.DisableRules, more.DisableRules...)
}
