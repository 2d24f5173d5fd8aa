package redact

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"otelgate/collector/lookup"
)

// redactor is one instance's policy, compiled. It is shared by all requests and changes nothing of itself but
// the memories of attribute names and of clean texts.
type redactor struct {
	cfg          *Config
	names        *names
	rules        *rules
	memory       *memory
	metadataKeys *lookup.Table[bool]
	scopes       []pattern
	loggers      []pattern
	telemetry    *telemetry
}

func newRedactor(cfg *Config, set component.TelemetrySettings) (*redactor, error) {
	policy, err := cfg.load()
	if err != nil {
		return nil, err
	}
	compiled := newRules(policy)
	if compiled.key, err = readKey(cfg.PseudonymKeyFile); err != nil {
		return nil, err
	}
	r := &redactor{
		cfg:          cfg,
		names:        newNames(policy, compiled),
		rules:        compiled,
		memory:       newMemory(),
		metadataKeys: &lookup.Table[bool]{},
		scopes:       compile(policy.GenerativeScopes),
		loggers:      compile(policy.RequestLoggers),
	}
	for _, key := range policy.MetadataKeys {
		r.metadataKeys = r.metadataKeys.With(key, true)
	}
	r.telemetry, err = newTelemetry(set, r.rules.names)
	return r, err
}

// pass is one request's work: what it removed and masked is counted here and reported once.
type pass struct {
	*redactor
	hides   bool // content of the resource at hand
	removed [fieldCount]int64
	masked  []int64
}

// run calls one request's work. A panic refuses the batch for good: unclean data is not let through, and sending
// it again would not help. Its text is not repeated, since it may quote the data.
func (r *redactor) run(ctx context.Context, work func(*pass)) (err error) {
	if r.cfg.Content == contentFull {
		return nil
	}
	p := &pass{redactor: r, hides: r.cfg.Content != contentMasked, masked: make([]int64, len(r.rules.names))}
	defer func() {
		if fault := recover(); fault != nil {
			err = consumererror.NewPermanent(fmt.Errorf("redact: cannot clean this batch (%T)", fault))
		}
		r.telemetry.report(ctx, p)
	}()
	work(p)
	return nil
}

func (r *redactor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	return td, r.run(ctx, func(p *pass) { p.traces(td) })
}

func (r *redactor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	err := r.run(ctx, func(p *pass) { p.logs(ld) })
	nameLines(ld)
	return ld, err
}

func (r *redactor) processMetrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	return md, r.run(ctx, func(p *pass) { p.metrics(md) })
}

// none tells whether content goes; otherwise it is masked (full never gets here).
func (p *pass) none() bool { return p.hides }

// optedIn is the resource attribute by which a sender says that its content may be kept: our SDK's, where its own setting
// turns content on, or any other sender's.
const optedIn = "otelgate.content"

// enter looks at whose data comes next.
func (p *pass) enter(resource pcommon.Resource) {
	if p.cfg.Content != contentOptIn {
		return
	}
	said, ok := resource.Attributes().Get(optedIn)
	p.hides = !ok || said.AsString() != "true"
}

// mask applies the rules.
func (p *pass) mask(s string) string {
	if s == "" {
		return s
	}
	if len(s) > maxRemembered {
		return p.rules.mask(s, p.masked)
	}
	key, known := p.memory.knows(s, lookRules)
	if known {
		return s
	}
	masked := p.rules.mask(s, p.masked)
	if masked == s {
		p.memory.add(key)
	}
	return masked
}

// redactText masks text that stays under `none`: besides the rules' matches, random runs are masked.
func (p *pass) redactText(s string) string {
	s = p.mask(s)
	if p.rules.enabled[ruleToken] {
		s = maskTokens(s, &p.masked[ruleToken])
	}
	return s
}

// redactName cleans the name of a span, event or scope: text that is not a name is replaced.
func (p *pass) redactName(s string) string {
	if s == "" || !p.none() {
		return p.mask(s)
	}
	if cleaned, ok := p.cleanName(s); ok {
		return cleaned
	}
	p.removed[fieldName]++
	return removed
}

// keepIf returns what clean left of s, masked; it counts a cut.
func (p *pass) keepIf(s string, f field, clean func(string) string) string {
	if s == "" || !p.none() {
		return p.mask(s)
	}
	cleaned := clean(s)
	if cleaned != s {
		p.removed[f]++
	}
	return cleaned
}

func (p *pass) resource(res pcommon.Resource) {
	if p.none() {
		p.plain(res.Attributes())
	} else {
		p.maskMap(res.Attributes(), 0)
	}
	p.entities(res)
}

// entities point to attributes by name, and attributes may have gone; stores here don't read them.
func (p *pass) entities(res pcommon.Resource) {
	refs := entity.ResourceEntityRefs(res)
	if refs.Len() == 0 {
		return
	}
	if p.none() {
		p.removed[fieldEntity] += int64(refs.Len())
		refs.RemoveIf(func(entity.EntityRef) bool { return true })
		return
	}
	for _, ref := range refs.All() {
		ref.SetType(p.mask(ref.Type()))
		ref.SetSchemaUrl(p.mask(ref.SchemaUrl()))
		for _, keys := range []pcommon.StringSlice{ref.IdKeys(), ref.DescriptionKeys()} {
			for i, key := range keys.All() {
				keys.SetAt(i, p.mask(key))
			}
		}
	}
}

// scope returns whether its items are GenAI.
func (p *pass) scope(scope pcommon.InstrumentationScope) bool {
	generative := matchAny(p.scopes, scope.Name())
	if p.none() {
		generative = p.attributes(scope.Attributes(), generative) || generative
	} else {
		p.maskMap(scope.Attributes(), 0)
	}
	scope.SetName(p.redactName(scope.Name()))
	scope.SetVersion(p.keepIf(scope.Version(), fieldName, cleanVersion))
	return generative
}
