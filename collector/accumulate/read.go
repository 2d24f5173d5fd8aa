package accumulate

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/sender"
)

// Why a point is dropped.
const (
	noTemporality = "no_temporality" // neither delta nor cumulative, so it is unknown what it counts
	notANumber    = "not_a_number"   // NaN, infinite, beyond 1e300, or a counter below zero
	malformed     = "malformed"      // buckets that don't fit their bounds or their count
	isResent      = "resent"         // was counted before
	late          = "late"           // older than what the same sender said before; its next one makes up for it
	tooMany       = "limit"          // as many senders or series as there may be
	isDerived     = "derived"        // the gateway derives this metric from the service's spans
)

// maxValue keeps sums finite; derive has the same.
const maxValue = 1e300

// reading is a point of any kind of counter.
type reading struct {
	value      value
	start, at  int64 // Unix nanoseconds by the sender's clock; start is 0 where it isn't known
	attributes pcommon.Map
	exemplars  pmetric.ExemplarSlice
	ended      bool // the sender says that the series is over
	fault      string
}

type dated interface {
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
	Attributes() pcommon.Map
	Exemplars() pmetric.ExemplarSlice
}

// readings of a metric that accumulates; false for all others, which pass.
func readings(metric pmetric.Metric) ([]reading, pmetric.AggregationTemporality, bool) {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		if !sender.Accumulates(metric) {
			return nil, 0, false
		}
		sum := metric.Sum()
		read := func(point pmetric.NumberDataPoint) (value, string) { return number(point, sum.IsMonotonic()) }
		return readAll(sum.DataPoints(), read), sum.AggregationTemporality(), true
	case pmetric.MetricTypeHistogram:
		h := metric.Histogram()
		return readAll(h.DataPoints(), explicit), h.AggregationTemporality(), true
	case pmetric.MetricTypeExponentialHistogram:
		e := metric.ExponentialHistogram()
		return readAll(e.DataPoints(), exponentials), e.AggregationTemporality(), true
	}
	return nil, 0, false
}

func readAll[P dated](points interface {
	Len() int
	At(int) P
}, read func(P) (value, string),
) []reading {
	all := make([]reading, points.Len())
	for i := range all {
		point := points.At(i)
		all[i] = reading{
			start: int64(point.StartTimestamp()), at: int64(point.Timestamp()),
			attributes: point.Attributes(), exemplars: point.Exemplars(), ended: point.Flags().NoRecordedValue(),
		}
		if !all[i].ended {
			all[i].value, all[i].fault = read(point)
		}
	}
	return all
}

func number(point pmetric.NumberDataPoint, monotonic bool) (value, string) {
	var v value
	switch point.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		v = intValue(point.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		v = floatValue(point.DoubleValue())
	default:
		return v, notANumber
	}
	if !finite(v.number()) || (monotonic && v.number() < 0) {
		return v, notANumber
	}
	return v, ""
}

// finite: NaN fails each comparison.
func finite(f float64) bool {
	return f >= -maxValue && f <= maxValue
}

func explicit(point pmetric.HistogramDataPoint) (value, string) {
	h := &histogram{
		Count: point.Count(), Bounds: point.ExplicitBounds().AsRaw(), Counts: point.BucketCounts().AsRaw(),
	}
	if point.HasSum() {
		sum := point.Sum()
		if !finite(sum) {
			return value{}, notANumber
		}
		h.Sum = &sum
	}
	if h.Count > maxCount {
		return value{}, malformed
	}
	if len(h.Counts) == 0 {
		h.Bounds = nil
		return value{Hist: h}, ""
	}
	if len(h.Counts) != len(h.Bounds)+1 || total(h.Counts) != h.Count {
		return value{}, malformed
	}
	if last := len(h.Bounds) - 1; last >= 0 && math.IsInf(h.Bounds[last], 1) {
		h = h.coarse(h.Bounds[:last]) // some name the bound that all histograms have
	}
	if !ascending(h.Bounds) {
		return value{}, malformed
	}
	return value{Hist: h}, ""
}

func ascending(bounds []float64) bool {
	for i, bound := range bounds {
		if math.IsNaN(bound) || math.IsInf(bound, 0) || (i > 0 && bound <= bounds[i-1]) {
			return false
		}
	}
	return true
}

// maxCount is what stores can hold exactly.
const maxCount = 1 << 53

// total is more than maxCount where a count is, instead of beginning at zero again.
func total(counts []uint64) (sum uint64) {
	for _, count := range counts {
		sum = min(sum+min(count, maxCount+1), maxCount+1)
	}
	return sum
}

func exponentials(point pmetric.ExponentialHistogramDataPoint) (value, string) {
	e := &exponential{
		Count: point.Count(), Scale: point.Scale(), Zero: point.ZeroCount(), Threshold: point.ZeroThreshold(),
		Positive: buckets{int64(point.Positive().Offset()), point.Positive().BucketCounts().AsRaw()}.trimmed(),
		Negative: buckets{int64(point.Negative().Offset()), point.Negative().BucketCounts().AsRaw()}.trimmed(),
	}
	if point.HasSum() {
		sum := point.Sum()
		if !finite(sum) {
			return value{}, notANumber
		}
		e.Sum = &sum
	}
	counts := total([]uint64{total(e.Positive.Counts), total(e.Negative.Counts), e.Zero})
	if e.Count > maxCount || counts != e.Count || !e.Positive.possible(e.Scale) ||
		!e.Negative.possible(e.Scale) || !(e.Threshold >= 0 && e.Threshold <= maxValue) {
		return value{}, malformed
	}
	return value{Exp: e.plus(&exponential{Scale: e.Scale, Sum: new(float64)})}, ""
}

// The scales of the conventions, and the powers of 2 between which numbers lie.
const (
	minScale, maxScale = -4, 20 // Prometheus takes none below -4, where 160 buckets hold all numbers
	minPower, maxPower = -1075, 1025
)

// possible says whether the buckets are some that numbers can fall into.
func (b buckets) possible(scale int32) bool {
	if scale < minScale || scale > maxScale {
		return false
	}
	width := math.Ldexp(1, -int(scale)) // of a bucket, in powers of 2
	return len(b.Counts) == 0 || (float64(b.Offset)*width >= minPower && float64(b.end())*width <= maxPower)
}
