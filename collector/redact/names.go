package redact

import (
	"strings"
	"sync"
	"sync/atomic"

	"otelgate/collector/lookup"
)

// action is what `none` does to an attribute, decided by its name alone.
type action uint8

const (
	actionUnknown    action = iota // strings stay where they are identifiers, and never on GenAI items
	actionContent                  // goes
	actionID                       // stays, masked
	actionName                     // stays while it looks like a name
	actionIdentity                 // stays, masked: what an agent or a tool is called
	actionText                     // only numbers stay
	actionMetadata                 // OpenInference's JSON: some keys stay
	actionStacktrace               // its frames stay
	actionURL                      // stays without query, fragment and credentials
)

// verdict is an action, whether the attribute makes its item GenAI, and whether its name itself needs masking.
type verdict struct {
	action     action
	generative bool
	dirty      bool
	credential bool // its value is always removed
}

// Values of which a part stays, which the lists cannot express.
var special = map[string]action{
	"metadata":             actionMetadata,
	"exception.stacktrace": actionStacktrace,
	"code.stacktrace":      actionStacktrace,
	"url.full":             actionURL,
	"http.url":             actionURL,
	"http.target":          actionURL,
}

const (
	maxKey   = 128
	maxCache = 4096
)

// names decides by attribute names. Names repeat, so each decision is made once and kept; the number kept is
// bounded, since clients choose the names.
type names struct {
	lists      [actionIdentity + 1][]pattern
	generative []pattern
	words      map[string]bool
	rules      *rules
	mu         sync.Mutex
	known      atomic.Pointer[lookup.Table[verdict]]
}

func newNames(p *Policy, r *rules) *names {
	n := &names{words: map[string]bool{}, rules: r}
	n.lists[actionContent] = compile(p.Attributes.Content)
	n.lists[actionID] = compile(p.Attributes.IDs)
	n.lists[actionName] = compile(p.Attributes.Names)
	n.lists[actionIdentity] = compile(p.Attributes.Identities)
	n.generative = compile(p.Attributes.Generative)
	for _, word := range p.Words {
		n.words[word] = true
	}
	n.known.Store(&lookup.Table[verdict]{})
	return n
}

func (n *names) of(key string) verdict {
	if v, ok := n.known.Load().Get(key); ok {
		return v
	}
	v := n.decide(key)
	is, bare := credentialNamed(key)
	v.credential = is && !bare && n.rules.enabled[ruleCredential]
	if v.credential && v.action == actionUnknown {
		v.action = actionContent
	}
	v.dirty = n.rules.mask(key, make([]int64, len(n.rules.names))) != key
	if v.dirty {
		v.action = actionContent
	}
	if len(key) <= maxKey {
		n.learn(key, v)
	}
	return v
}

func (n *names) learn(key string, v verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.known.Load()
	if _, ok := old.Get(key); ok || old.Len() >= maxCache {
		return
	}
	n.known.Store(old.With(strings.Clone(key), v))
}

func (n *names) decide(key string) verdict {
	v := verdict{generative: matchAny(n.generative, key)}
	if a, ok := special[key]; ok {
		v.action = a
		return v
	}
	best := -1
	for _, a := range []action{actionContent, actionID, actionName, actionIdentity} {
		for _, p := range n.lists[a] {
			if p.literals > best && p.match(key) {
				best, v.action = p.literals, a
			}
		}
	}
	if best >= 0 {
		return v
	}
	switch {
	case !isIdentifier(key, maxKey):
		v.action = actionContent // a name that is itself a text
	case n.hasWord(key):
		v.action = actionText
	}
	return v
}

// hasWord looks at the words of a name, however it joins them: tool.call.args, tool_call_args, toolCallArgs.
func (n *names) hasWord(key string) bool {
	start := 0
	for i := 0; i <= len(key); i++ {
		joint := i == len(key) || !isLetter(key[i])
		hump := !joint && i > 0 && 'A' <= key[i] && key[i] <= 'Z' && 'a' <= key[i-1] && key[i-1] <= 'z'
		if !joint && !hump {
			continue
		}
		if n.words[strings.ToLower(key[start:i])] {
			return true
		}
		if start = i; joint {
			start = i + 1
		}
	}
	return false
}

// pattern is a name in which * matches any run of characters.
type pattern struct {
	parts    []string
	literals int
}

func compile(patterns []string) []pattern {
	compiled := make([]pattern, 0, len(patterns))
	for _, p := range patterns {
		compiled = append(compiled, pattern{strings.Split(p, "*"), len(p) - strings.Count(p, "*")})
	}
	return compiled
}

func (p pattern) match(s string) bool {
	if len(p.parts) == 1 {
		return s == p.parts[0]
	}
	last := len(p.parts) - 1
	s, ok := strings.CutPrefix(s, p.parts[0])
	if !ok {
		return false
	}
	for _, part := range p.parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, p.parts[last])
}

func matchAny(patterns []pattern, s string) bool {
	for _, p := range patterns {
		if p.match(s) {
			return true
		}
	}
	return false
}
