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

// metric returns false where under `none` its name is none: a part of it would make one series of several.
func (p *pass) metric(m pmetric.Metric) bool {
	if p.none() {
		if !isIdentifier(m.Name(), 255) || p.mask(m.Name()) != m.Name() {
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

// point: what an exemplar has beside its trace and span ids is what views left out of the series; nobody reads it.
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
