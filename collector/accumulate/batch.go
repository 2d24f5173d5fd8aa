package accumulate

import (
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// batch is a request under construction. Series of one resource, scope and metric are together.
type batch struct {
	metrics   pmetric.Metrics
	resources map[resourceKey]pmetric.ResourceMetrics
	scopes    map[scopeKey]pmetric.ScopeMetrics
	metricsOf map[metricKey]pmetric.Metric
	samples   int
	keys      []uint64
}

type resourceKey struct {
	sent     *pcommon.Map
	identity [16]byte
}

type scopeKey struct {
	resourceKey
	name, version string
	attributes    [16]byte
}

type metricKey struct {
	scopeKey
	name, unit string
	kind       pmetric.MetricType
	monotonic  bool
}

func newBatch() *batch {
	return &batch{
		metrics: pmetric.NewMetrics(), resources: map[resourceKey]pmetric.ResourceMetrics{},
		scopes: map[scopeKey]pmetric.ScopeMetrics{}, metricsOf: map[metricKey]pmetric.Metric{},
	}
}

// add writes the series' point, and before the first one where it began.
func (b *batch) add(key uint64, s *series, ended bool, now int64) error {
	shape, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(s.shape)
	if err != nil {
		return fmt.Errorf("its shape: %w", err)
	}
	metric, labels := b.place(s, shape.ResourceMetrics().At(0))
	at := max(now, s.written+lead, s.Began+lead)
	if !s.begun && !ended && now-s.Began <= int64(again) {
		b.point(metric, labels, s.First, s.Began, s.Began)
	}
	point := b.point(metric, labels, s.Total, s.Began, at)
	if ended { // with its buckets and sum, since each of them is a series to end
		point.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	} else {
		s.exemplars.MoveAndAppendTo(point.Exemplars())
	}
	s.exemplars = pmetric.NewExemplarSlice()
	s.begun, s.written, s.resource = true, at, nil
	b.keys = append(b.keys, key)
	return nil
}

// place finds or makes the metric that the point belongs into. The sender's description of itself is included only
// when it was sent again: stores conclude from it that an application is up.
func (b *batch) place(s *series, shape pmetric.ResourceMetrics) (pmetric.Metric, pcommon.Map) {
	scope := shape.ScopeMetrics().At(0)
	like := scope.Metrics().At(0)
	inResource := resourceKey{s.resource, pdatautil.MapHash(shape.Resource().Attributes())}
	resource, ok := b.resources[inResource]
	if !ok {
		resource = b.metrics.ResourceMetrics().AppendEmpty()
		shape.Resource().CopyTo(resource.Resource())
		if s.resource != nil {
			s.resource.CopyTo(resource.Resource().Attributes())
			for name, value := range shape.Resource().Attributes().All() {
				value.CopyTo(resource.Resource().Attributes().PutEmpty(name))
			}
		}
		b.resources[inResource] = resource
	}
	from := scope.Scope()
	inScope := scopeKey{inResource, from.Name(), from.Version(), pdatautil.MapHash(from.Attributes())}
	into, ok := b.scopes[inScope]
	if !ok {
		into = resource.ScopeMetrics().AppendEmpty()
		from.CopyTo(into.Scope())
		b.scopes[inScope] = into
	}
	monotonic := like.Type() == pmetric.MetricTypeSum && like.Sum().IsMonotonic()
	inMetric := metricKey{inScope, like.Name(), like.Unit(), like.Type(), monotonic}
	metric, ok := b.metricsOf[inMetric]
	if !ok {
		metric = into.Metrics().AppendEmpty()
		metric.SetName(like.Name())
		metric.SetDescription(like.Description())
		metric.SetUnit(like.Unit())
		b.metricsOf[inMetric] = metric
	}
	return metric, moveLabels(metric, like)
}

// moveLabels takes the labels of a shape's only point, and gives a new metric its kind.
func moveLabels(metric, like pmetric.Metric) pcommon.Map {
	fresh := metric.Type() == pmetric.MetricTypeEmpty
	switch like.Type() {
	case pmetric.MetricTypeHistogram:
		if fresh {
			metric.SetEmptyHistogram().SetAggregationTemporality(cumulative)
		}
		return like.Histogram().DataPoints().At(0).Attributes()
	case pmetric.MetricTypeExponentialHistogram:
		if fresh {
			metric.SetEmptyExponentialHistogram().SetAggregationTemporality(cumulative)
		}
		return like.ExponentialHistogram().DataPoints().At(0).Attributes()
	}
	if fresh {
		metric.SetEmptySum().SetAggregationTemporality(cumulative)
		metric.Sum().SetIsMonotonic(like.Sum().IsMonotonic())
	}
	return like.Sum().DataPoints().At(0).Attributes()
}

type writable interface {
	Attributes() pcommon.Map
	Exemplars() pmetric.ExemplarSlice
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}

// point writes a value of the series' kind.
func (b *batch) point(metric pmetric.Metric, labels pcommon.Map, v value, start, at int64) writable {
	b.samples++
	var point writable
	switch metric.Type() {
	case pmetric.MetricTypeHistogram:
		h := metric.Histogram().DataPoints().AppendEmpty()
		if point = h; v.Hist != nil {
			b.samples += len(v.Hist.Counts) + 1
			v.Hist.put(h)
		}
	case pmetric.MetricTypeExponentialHistogram:
		e := metric.ExponentialHistogram().DataPoints().AppendEmpty()
		if point = e; v.Exp != nil {
			v.Exp.put(e)
		}
	default:
		n := metric.Sum().DataPoints().AppendEmpty()
		point = n
		v.putNumber(n)
	}
	labels.CopyTo(point.Attributes())
	point.SetStartTimestamp(pcommon.Timestamp(start))
	point.SetTimestamp(pcommon.Timestamp(at))
	return point
}
