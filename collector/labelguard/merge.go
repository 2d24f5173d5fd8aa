package labelguard

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxExponentialBuckets of a merged exponential histogram, as the OpenTelemetry SDKs have them.
const maxExponentialBuckets = 160

type stamped interface {
	StartTimestamp() pcommon.Timestamp
	SetStartTimestamp(pcommon.Timestamp)
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	Flags() pmetric.DataPointFlags
	SetFlags(pmetric.DataPointFlags)
}

// span makes the time of a point cover that of another. It has no value only if neither has.
func span(into, from stamped) {
	into.SetStartTimestamp(min(into.StartTimestamp(), from.StartTimestamp()))
	into.SetTimestamp(max(into.Timestamp(), from.Timestamp()))
	if !from.Flags().NoRecordedValue() {
		into.SetFlags(from.Flags())
	}
}

func latest(into, from pmetric.NumberDataPoint) {
	if from.Timestamp() > into.Timestamp() {
		from.CopyTo(into)
	}
}

func addNumbers(into, from pmetric.NumberDataPoint) {
	span(into, from)
	if into.ValueType() == pmetric.NumberDataPointValueTypeInt && from.ValueType() == pmetric.NumberDataPointValueTypeInt {
		into.SetIntValue(into.IntValue() + from.IntValue())
		return
	}
	into.SetDoubleValue(number(into) + number(from))
}

func number(point pmetric.NumberDataPoint) float64 {
	if point.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(point.IntValue())
	}
	return point.DoubleValue()
}

// addHistograms adds bucket by bucket. Where the bounds differ only those that both have can stay.
func addHistograms(into, from pmetric.HistogramDataPoint) {
	span(into, from)
	bounds := into.ExplicitBounds().AsRaw()
	if !slices.Equal(bounds, from.ExplicitBounds().AsRaw()) {
		other := from.ExplicitBounds().AsRaw()
		bounds = slices.DeleteFunc(bounds, func(bound float64) bool { return !slices.Contains(other, bound) })
		coarsen(into, bounds)
		coarsen(from, bounds)
	}
	if into.BucketCounts().Len() == 0 || from.BucketCounts().Len() == 0 {
		into.BucketCounts().FromRaw(nil)
		into.ExplicitBounds().FromRaw(nil)
	}
	for i := range into.BucketCounts().Len() {
		into.BucketCounts().SetAt(i, into.BucketCounts().At(i)+from.BucketCounts().At(i))
	}
	into.SetCount(into.Count() + from.Count())
	if into.HasSum() && from.HasSum() {
		into.SetSum(into.Sum() + from.Sum())
	} else {
		into.RemoveSum()
	}
	extremes(into, from)
}

// coarsen gives a histogram a part of its bounds.
func coarsen(point pmetric.HistogramDataPoint, bounds []float64) {
	counts := make([]uint64, len(bounds)+1)
	for i, count := range point.BucketCounts().AsRaw() {
		at := len(bounds)
		if i < point.ExplicitBounds().Len() {
			at, _ = slices.BinarySearch(bounds, point.ExplicitBounds().At(i))
		}
		counts[at] += count
	}
	if point.BucketCounts().Len() > 0 {
		point.BucketCounts().FromRaw(counts)
	}
	point.ExplicitBounds().FromRaw(bounds)
}

type ranged interface {
	HasMin() bool
	Min() float64
	SetMin(float64)
	RemoveMin()
	HasMax() bool
	Max() float64
	SetMax(float64)
	RemoveMax()
}

func extremes(into, from ranged) {
	if into.HasMin() && from.HasMin() {
		into.SetMin(min(into.Min(), from.Min()))
	} else {
		into.RemoveMin()
	}
	if into.HasMax() && from.HasMax() {
		into.SetMax(max(into.Max(), from.Max()))
	} else {
		into.RemoveMax()
	}
}

// addExponential adds at the coarser scale, or one coarser still that keeps the buckets few.
func addExponential(into, from pmetric.ExponentialHistogramDataPoint) {
	span(into, from)
	scale := min(into.Scale(), from.Scale())
	for width(into.Positive(), into.Scale()-scale, from.Positive(), from.Scale()-scale) > maxExponentialBuckets ||
		width(into.Negative(), into.Scale()-scale, from.Negative(), from.Scale()-scale) > maxExponentialBuckets {
		scale--
	}
	addBuckets(into.Positive(), into.Scale()-scale, from.Positive(), from.Scale()-scale)
	addBuckets(into.Negative(), into.Scale()-scale, from.Negative(), from.Scale()-scale)
	into.SetScale(scale)
	into.SetZeroThreshold(max(into.ZeroThreshold(), from.ZeroThreshold()))
	into.SetZeroCount(into.ZeroCount() + from.ZeroCount())
	into.SetCount(into.Count() + from.Count())
	if into.HasSum() && from.HasSum() {
		into.SetSum(into.Sum() + from.Sum())
	} else {
		into.RemoveSum()
	}
	extremes(into, from)
}

type buckets = pmetric.ExponentialHistogramDataPointBuckets

// reach is the first and the last bucket's index after the scale fell by `by`.
func reach(b buckets, by int32) (low, high int64) {
	first := int64(b.Offset())
	return first >> by, (first + int64(b.BucketCounts().Len()) - 1) >> by
}

func width(a buckets, byA int32, b buckets, byB int32) int64 {
	if a.BucketCounts().Len() == 0 || b.BucketCounts().Len() == 0 {
		return 0
	}
	lowA, highA := reach(a, byA)
	lowB, highB := reach(b, byB)
	return max(highA, highB) - min(lowA, lowB) + 1
}

func addBuckets(into buckets, byInto int32, from buckets, byFrom int32) {
	var low, high int64
	switch lowInto, highInto := reach(into, byInto); {
	case into.BucketCounts().Len() == 0 && from.BucketCounts().Len() == 0:
		return
	case into.BucketCounts().Len() == 0:
		low, high = reach(from, byFrom)
	case from.BucketCounts().Len() == 0:
		low, high = lowInto, highInto
	default:
		lowFrom, highFrom := reach(from, byFrom)
		low, high = min(lowInto, lowFrom), max(highInto, highFrom)
	}
	counts := make([]uint64, high-low+1)
	for _, part := range []struct {
		buckets
		by int32
	}{{into, byInto}, {from, byFrom}} {
		for i, count := range part.BucketCounts().AsRaw() {
			counts[(int64(part.Offset())+int64(i))>>part.by-low] += count
		}
	}
	into.SetOffset(int32(low))
	into.BucketCounts().FromRaw(counts)
}

// addSummaries keeps what can be added; quantiles can't.
func addSummaries(into, from pmetric.SummaryDataPoint) {
	span(into, from)
	into.SetCount(into.Count() + from.Count())
	into.SetSum(into.Sum() + from.Sum())
	into.QuantileValues().RemoveIf(func(pmetric.SummaryDataPointValueAtQuantile) bool { return true })
}
