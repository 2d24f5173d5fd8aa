package redact

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func (p *pass) metrics(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		p.enter(rm.Resource())
		p.resource(rm.Resource())
		rm.SetSchemaUrl(p.keepIf(rm.SchemaUrl(), fieldSchemaURL, cleanSchema))
		for _, sm := range rm.ScopeMetrics().All() {
			p.scope(sm.Scope())
			sm.SetSchemaUrl(p.keepIf(sm.SchemaUrl(), fieldSchemaURL, cleanSchema))
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return !p.metric(m) })
		}
	}
}

// MetricNames returns the test by which a metric is known whose name holds a secret or personal data, by the built-in
// rules and an operator's. `intake` asks it, so that the answer names the refusal.
func MetricNames(policyFile string) (func(name string) bool, error) {
	cfg := defaultConfig()
	cfg.PolicyFile = policyFile
	policy, err := cfg.load()
	if err != nil {
		return nil, err
	}
	return newNames(policy, newRules(policy)).secretMetric, nil
}

// secretMetric: a metric's name says which metric, not what was said. So it stays, words, brackets and all, unless a
// rule finds something in it or it holds a key.
func (n *names) secretMetric(name string) bool {
	return n.of(name).dirty || n.rules.enabled[ruleToken] && hasKey(name)
}

// metric returns false where under `none` its name may not stay: a part of it would make one series of several.
func (p *pass) metric(m pmetric.Metric) bool {
	if p.none() {
		if p.names.secretMetric(m.Name()) {
			p.removed[fieldMetric]++
			return false
		}
		m.SetDescription(p.keepIf(m.Description(), fieldName, nothing))
		m.SetUnit(p.keepIf(m.Unit(), fieldName, func(s string) string {
			if isIdentifier(s, maxIdentifier) {
				return s
			}
			return ""
		}))
		p.plain(m.Metadata())
	} else {
		m.SetName(p.mask(m.Name()))
		m.SetDescription(p.mask(m.Description()))
		m.SetUnit(p.mask(m.Unit()))
		p.maskMap(m.Metadata(), 0)
	}
	p.points(m)
	return true
}

func nothing(string) string { return "" }

func (p *pass) points(m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		p.numbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		p.numbers(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, point := range m.Histogram().DataPoints().All() {
			p.point(point.Attributes(), point.Exemplars())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, point := range m.ExponentialHistogram().DataPoints().All() {
			p.point(point.Attributes(), point.Exemplars())
		}
	case pmetric.MetricTypeSummary:
		for _, point := range m.Summary().DataPoints().All() {
			p.point(point.Attributes(), pmetric.NewExemplarSlice())
		}
	}
}

func (p *pass) numbers(points pmetric.NumberDataPointSlice) {
	for _, point := range points.All() {
		p.point(point.Attributes(), point.Exemplars())
	}
}

// point: besides its trace and span ids, an exemplar has attributes that views left out of the series; they are not used.
func (p *pass) point(attributes pcommon.Map, exemplars pmetric.ExemplarSlice) {
	if !p.none() {
		p.maskMap(attributes, 0)
		for _, exemplar := range exemplars.All() {
			p.maskMap(exemplar.FilteredAttributes(), 0)
		}
		return
	}
	p.labels(attributes)
	for _, exemplar := range exemplars.All() {
		if exemplar.FilteredAttributes().Len() > 0 {
			p.removed[fieldExemplar]++
			exemplar.FilteredAttributes().Clear()
		}
	}
}
