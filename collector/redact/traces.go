package redact

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func (p *pass) traces(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		p.enter(rs.Resource())
		p.resource(rs.Resource())
		rs.SetSchemaUrl(p.keepIf(rs.SchemaUrl(), fieldSchemaURL, cleanSchema))
		for _, ss := range rs.ScopeSpans().All() {
			generative := p.scope(ss.Scope())
			ss.SetSchemaUrl(p.keepIf(ss.SchemaUrl(), fieldSchemaURL, cleanSchema))
			for _, span := range ss.Spans().All() {
				if p.none() {
					p.span(span, generative)
				} else {
					p.maskSpan(span)
				}
			}
		}
	}
}

func (p *pass) span(span ptrace.Span, generative bool) {
	generative = p.attributes(span.Attributes(), generative)
	if !named(span) {
		span.SetName(p.redactName(span.Name()))
	}
	p.traceState(span.TraceState())
	for _, event := range span.Events().All() {
		p.attributes(event.Attributes(), generative)
		event.SetName(p.redactName(event.Name()))
	}
	for _, link := range span.Links().All() {
		p.attributes(link.Attributes(), generative)
		p.traceState(link.TraceState())
	}
	if span.Status().Message() != "" {
		p.removed[fieldStatus]++
		span.Status().SetMessage(errorType(span))
	}
}

// naming are the attributes whose value may end a span's name, behind the operation.
var naming = []string{"gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.workflow.name"}

// named says of a span whose attributes are clean that its name is made of them: `invoke_agent 天気`.
func named(span ptrace.Span) bool {
	operation, ok := stringAt(span.Attributes(), "gen_ai.operation.name")
	if !ok {
		return false
	}
	rest, ok := strings.CutPrefix(span.Name(), operation+" ")
	if !ok {
		return false
	}
	for _, attribute := range naming {
		if value, ok := stringAt(span.Attributes(), attribute); ok && value == rest {
			return true
		}
	}
	return false
}

// errorType is the visible part of an error: the exception's type, which the cleaning of attributes has kept.
func errorType(span ptrace.Span) string {
	for i := span.Events().Len() - 1; i >= 0; i-- {
		if kind, ok := stringAt(span.Events().At(i).Attributes(), "exception.type"); ok {
			return kind
		}
	}
	kind, _ := stringAt(span.Attributes(), "error.type")
	return kind
}

func stringAt(m pcommon.Map, key string) (string, bool) {
	if v, ok := m.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return v.Str(), true
	}
	return "", false
}

func (p *pass) traceState(state pcommon.TraceState) {
	if raw := state.AsRaw(); raw != "" {
		state.FromRaw(p.keepIf(raw, fieldTraceState, cleanTraceState))
	}
}

func (p *pass) maskSpan(span ptrace.Span) {
	p.maskMap(span.Attributes(), 0)
	span.SetName(p.mask(span.Name()))
	p.traceState(span.TraceState())
	for _, event := range span.Events().All() {
		p.maskMap(event.Attributes(), 0)
		event.SetName(p.mask(event.Name()))
	}
	for _, link := range span.Links().All() {
		p.maskMap(link.Attributes(), 0)
		p.traceState(link.TraceState())
	}
	span.Status().SetMessage(p.mask(span.Status().Message()))
}
