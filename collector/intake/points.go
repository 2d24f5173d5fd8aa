package intake

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/applications"
)

// points goes through the metrics of one request.
type points struct {
	tally
	clock
	age    uint64
	secret func(metric string) bool

	application *applications.Application // that sent them; nil: the operator's
	name        string                    // of the metric that is looked at
	moved       []moved
}

// moved is a point whose time is set to that of arrival when all are known.
type moved struct {
	name     string // its metric's
	original uint64
	set      func(pcommon.Timestamp)
}

// point is what all kinds of points have.
type point interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	StartTimestamp() pcommon.Timestamp
	SetStartTimestamp(pcommon.Timestamp)
}

// metric repairs a metric and its points, and tells whether anything is left of it.
func (p *points) metric(m pmetric.Metric) bool {
	p.title(m.Name(), m.SetName)
	p.name = m.Name()
	p.text(m.Description(), m.SetDescription)
	p.title(m.Unit(), m.SetUnit)
	refused := reasonCount
	switch {
	case !becomesLabel(m.Name()):
		refused = reasonMetricName
	case p.secret(m.Name()):
		refused = reasonMetricSecret
	case p.application != nil && isReserved(m.Name(), m.Unit()):
		refused = reasonReservedName
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(n pmetric.NumberDataPoint) bool {
			return !p.point(n, n.Exemplars(), false, refused)
		})
		return m.Gauge().DataPoints().Len() > 0
	case pmetric.MetricTypeSum:
		temporality := m.Sum().AggregationTemporality()
		if temporality == pmetric.AggregationTemporalityUnspecified && refused == reasonCount {
			refused = reasonMetricType
		}
		m.Sum().DataPoints().RemoveIf(func(n pmetric.NumberDataPoint) bool {
			why := refused
			if n.ValueType() == pmetric.NumberDataPointValueTypeDouble && !isFinite(n.DoubleValue()) && why == reasonCount {
				why = reasonValue
			}
			return !p.point(n, n.Exemplars(), temporality == pmetric.AggregationTemporalityDelta, why)
		})
		return m.Sum().DataPoints().Len() > 0
	case pmetric.MetricTypeHistogram:
		return p.histogram(m.Histogram(), refused)
	case pmetric.MetricTypeExponentialHistogram:
		return p.exponential(m.ExponentialHistogram(), refused)
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(n pmetric.SummaryDataPoint) bool {
			return !p.point(n, pmetric.ExemplarSlice{}, false, refused)
		})
		return m.Summary().DataPoints().Len() > 0
	}
	return true // has no points
}

func (p *points) histogram(h pmetric.Histogram, refused reason) bool {
	temporality := h.AggregationTemporality()
	if temporality == pmetric.AggregationTemporalityUnspecified && refused == reasonCount {
		refused = reasonMetricType
	}
	h.DataPoints().RemoveIf(func(n pmetric.HistogramDataPoint) bool {
		why := refused
		if why == reasonCount && !histogramFits(n) {
			why = reasonValue
		}
		return !p.point(n, n.Exemplars(), temporality == pmetric.AggregationTemporalityDelta, why)
	})
	return h.DataPoints().Len() > 0
}

// histogramFits: one count for each bucket, bounds that rise, and counts that are counts.
func histogramFits(n pmetric.HistogramDataPoint) bool {
	bounds, counts := n.ExplicitBounds(), n.BucketCounts()
	if counts.Len() != bounds.Len()+1 && counts.Len()+bounds.Len() != 0 {
		return false
	}
	var sum uint64
	for i := range counts.Len() {
		if counts.At(i) > maxCount {
			return false
		}
		sum += counts.At(i)
	}
	for i := range bounds.Len() {
		if math.IsNaN(bounds.At(i)) || i > 0 && bounds.At(i) <= bounds.At(i-1) {
			return false
		}
	}
	return (counts.Len() == 0 || sum == n.Count()) && n.Count() <= maxCount && (!n.HasSum() || isFinite(n.Sum()))
}

// maxCount is the largest whole number that Prometheus' floats keep exactly.
const maxCount = 1 << 53

func (p *points) exponential(h pmetric.ExponentialHistogram, refused reason) bool {
	temporality := h.AggregationTemporality()
	if temporality == pmetric.AggregationTemporalityUnspecified && refused == reasonCount {
		refused = reasonMetricType
	}
	h.DataPoints().RemoveIf(func(n pmetric.ExponentialHistogramDataPoint) bool {
		why := refused
		if why == reasonCount && !exponentialFits(n) {
			why = reasonValue
		}
		return !p.point(n, n.Exemplars(), temporality == pmetric.AggregationTemporalityDelta, why)
	})
	return h.DataPoints().Len() > 0
}

// exponentialFits: Prometheus refuses a whole request for a native histogram whose buckets do not add up to its count.
func exponentialFits(n pmetric.ExponentialHistogramDataPoint) bool {
	const far, lowestScale = 1 << 24, -4
	sum := n.ZeroCount()
	for _, side := range []pmetric.ExponentialHistogramDataPointBuckets{n.Positive(), n.Negative()} {
		if side.Offset() < -far || side.Offset() > far {
			return false
		}
		for i := range side.BucketCounts().Len() {
			if side.BucketCounts().At(i) > maxCount {
				return false
			}
			sum += side.BucketCounts().At(i)
		}
	}
	return sum == n.Count() && n.Count() <= maxCount && n.Scale() >= lowestScale && (!n.HasSum() || isFinite(n.Sum())) &&
		isFinite(n.ZeroThreshold()) && n.ZeroThreshold() >= 0
}

// text repairs a metric's description, which no store bounds.
func (p *points) text(t string, set func(string)) {
	if len(t) <= 4*maxName && isClean(t) {
		return
	}
	m := repairer{}
	t = m.text(t)
	if len(t) > 4*maxName {
		m.done |= 1 << reasonSize
		m.cut = len(t)
		t = cutPlain(t, 4*maxName)
		m.cut -= len(t)
	}
	set(t)
	p.add(m.done, m.cut)
}

// point repairs one point and tells whether it stays.
func (p *points) point(n point, exemplars pmetric.ExemplarSlice, delta bool, refused reason) bool {
	if refused != reasonCount {
		p.add(1<<refused, 0)
		return false
	}
	if p.application != nil {
		n.Attributes().RemoveIf(isIdentity)
	}
	m := repairer{labels: true}
	if !p.labels(n.Attributes(), &m) {
		p.add(1<<reasonPointSize, 0)
		return false
	}
	if exemplars != (pmetric.ExemplarSlice{}) && exemplars.Len() > 0 {
		repairExemplars(exemplars, &m, p.clock)
	}
	if !p.time(n, delta, &m) {
		p.add(1<<reasonOld, 0)
		return false
	}
	if m.done != 0 {
		p.add(m.done, m.cut)
	}
	return true
}

// labels: a long value keeps series apart by its hash. A point with too many of them is refused: without some of its
// labels it would be another series.
func (p *points) labels(attributes pcommon.Map, m *repairer) bool {
	s := scan{labels: true}
	s.attributes(attributes, 0)
	if s.faults != 0 {
		m.attributes(attributes, 0)
	}
	if s.faults == 0 && s.size <= maxName {
		return true
	}
	for _, value := range attributes.All() {
		if value.Type() == pcommon.ValueTypeStr && len(value.Str()) > maxName {
			m.done |= 1 << reasonName
			value.SetStr(Shorten(value.Str(), maxName))
		} else if s.size > maxPointBytes && value.Type() != pcommon.ValueTypeStr {
			if text := value.AsString(); len(text) > maxName {
				m.done |= 1 << reasonName
				value.SetStr(Shorten(text, maxName))
			}
		}
	}
	after := scan{}
	after.attributes(attributes, 0)
	return after.size <= maxPointBytes
}

// time sets a point's time to one that Prometheus takes. A point in the future, or without a time, gets the current time. An old
// increment counts now. An old total or level would be wrong now, so it is refused: a total's next point includes it.
func (p *points) time(n point, delta bool, m *repairer) bool {
	at := uint64(n.Timestamp())
	if at <= p.latest && at+p.age >= p.now {
		p.start(n, at)
		return true
	}
	if ns, unit := p.inUnits(at); ns != 0 && ns+p.age >= p.now {
		m.done |= 1 << reasonTime
		n.SetTimestamp(pcommon.Timestamp(ns))
		n.SetStartTimestamp(pcommon.Timestamp(uint64(n.StartTimestamp()) * unit))
		p.start(n, ns)
		return true
	}
	if at >= earliest && at <= p.latest && !delta {
		return false
	}
	m.done |= 1 << reasonTime
	p.moved = append(p.moved, moved{p.name, at, func(t pcommon.Timestamp) {
		n.SetTimestamp(t)
		p.start(n, uint64(t))
	}})
	return true
}

// start: a beginning that cannot be is unknown.
func (p *points) start(n point, at uint64) {
	if start := uint64(n.StartTimestamp()); start != 0 && (start < earliest || start > at) {
		n.SetStartTimestamp(0)
	}
}

// move gives the points their times of arrival, a millisecond apart where they were of different times: Prometheus
// takes one sample of a series for each millisecond, and refuses a whole request for a second one.
func (p *points) move() {
	if len(p.moved) == 0 {
		return
	}
	originals := make([]uint64, len(p.moved))
	for i, each := range p.moved {
		originals[i] = each.original
	}
	slices.Sort(originals)
	originals = slices.Compact(originals)
	for _, each := range p.moved {
		rank, _ := slices.BinarySearch(originals, each.original)
		later := len(originals) - 1 - rank
		arrived := p.now
		if each.original > p.latest {
			arrived = p.first([]byte(each.name), number(each.original))
		}
		each.set(pcommon.Timestamp(arrived - uint64(later)*1_000_000))
	}
}

func repairExemplars(exemplars pmetric.ExemplarSlice, m *repairer, c clock) {
	for _, each := range exemplars.All() {
		s := scan{labels: true}
		s.attributes(each.FilteredAttributes(), 0)
		if s.faults != 0 {
			m.attributes(each.FilteredAttributes(), 0)
		}
		if s.size > 4*maxName {
			m.done |= 1 << reasonSize
			m.cut += s.size
			each.FilteredAttributes().Clear()
		}
		if !c.canBe(uint64(each.Timestamp())) {
			m.done |= 1 << reasonTime
			each.SetTimestamp(pcommon.Timestamp(c.now))
		}
	}
}
