package accumulate

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// value is a number, a histogram or an exponential histogram; the names are short since each is stored as JSON.
type value struct {
	Int    int64        `json:"i,omitempty"`
	Double float64      `json:"d,omitempty"`
	Float  bool         `json:"f,omitempty"` // the number is Double
	Hist   *histogram   `json:"h,omitempty"`
	Exp    *exponential `json:"e,omitempty"`
}

type histogram struct {
	Count  uint64    `json:"n"`
	Sum    *float64  `json:"s,omitempty"`
	Bounds []float64 `json:"b,omitempty"`
	Counts []uint64  `json:"c,omitempty"`
}

func intValue(i int64) value     { return value{Int: i} }
func floatValue(f float64) value { return value{Double: f, Float: true} }

// number of a counter, or how many measurements a histogram has.
func (v value) number() float64 {
	switch {
	case v.Hist != nil:
		return float64(v.Hist.Count)
	case v.Exp != nil:
		return float64(v.Exp.Count)
	case v.Float:
		return v.Double
	}
	return float64(v.Int)
}

// zero is nothing, of the same kind and with the same buckets.
func (v value) zero() value {
	switch {
	case v.Hist != nil:
		h := &histogram{Bounds: v.Hist.Bounds, Counts: make([]uint64, len(v.Hist.Counts))}
		if v.Hist.Sum != nil {
			h.Sum = new(float64)
		}
		return value{Hist: h}
	case v.Exp != nil:
		e := &exponential{Scale: v.Exp.Scale, Threshold: v.Exp.Threshold}
		if v.Exp.Sum != nil {
			e.Sum = new(float64)
		}
		return value{Exp: e}
	}
	return value{Float: v.Float}
}

func (v value) empty() bool {
	return v.number() == 0
}

// plus adds; neither is changed.
func (v value) plus(other value) value {
	switch {
	case v.Hist != nil && other.Hist != nil:
		return value{Hist: v.Hist.plus(other.Hist)}
	case v.Exp != nil && other.Exp != nil:
		return value{Exp: v.Exp.plus(other.Exp)}
	case !v.Float && !other.Float && !overflows(v.Int, other.Int):
		return intValue(v.Int + other.Int)
	}
	return floatValue(v.number() + other.number())
}

func overflows(a, b int64) bool {
	return (b > 0 && a > math.MaxInt64-b) || (b < 0 && a < math.MinInt64-b)
}

// minus is what came since an earlier value of the same counter; false if it can't be that one's continuation.
func (v value) minus(earlier value) (value, bool) {
	switch {
	case v.Hist != nil && earlier.Hist != nil:
		h, ok := v.Hist.minus(earlier.Hist)
		return value{Hist: h}, ok
	case v.Exp != nil && earlier.Exp != nil:
		e, ok := v.Exp.minus(earlier.Exp)
		return value{Exp: e}, ok
	case v.Hist != nil || v.Exp != nil || earlier.Hist != nil || earlier.Exp != nil:
		return value{}, false
	case !v.Float && !earlier.Float:
		return intValue(v.Int - earlier.Int), v.Int >= earlier.Int
	}
	difference := v.number() - earlier.number()
	return floatValue(difference), difference >= 0
}

func (h *histogram) plus(other *histogram) *histogram {
	a, b := common(h, other)
	sum := &histogram{Count: a.Count + b.Count, Bounds: a.Bounds, Counts: slices.Clone(a.Counts)}
	for i := range sum.Counts {
		sum.Counts[i] += b.Counts[i]
	}
	sum.Sum = addSums(a.Sum, b.Sum, 1)
	return sum
}

func (h *histogram) minus(earlier *histogram) (*histogram, bool) {
	if h.Count < earlier.Count {
		return nil, false
	}
	a, b := common(h, earlier)
	left := &histogram{Count: a.Count - b.Count, Bounds: a.Bounds, Counts: slices.Clone(a.Counts)}
	for i := range left.Counts {
		if left.Counts[i] < b.Counts[i] {
			return nil, false
		}
		left.Counts[i] -= b.Counts[i]
	}
	left.Sum = addSums(a.Sum, b.Sum, -1)
	return left, true
}

// addSums is nothing where one of them has none: what is known of a part only is not the sum.
func addSums(a, b *float64, sign float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	sum := *a + sign**b
	return &sum
}

// common gives two histograms the bounds that both have.
func common(a, b *histogram) (*histogram, *histogram) {
	if slices.Equal(a.Bounds, b.Bounds) && len(a.Counts) == len(b.Counts) {
		return a, b
	}
	if len(a.Counts) == 0 || len(b.Counts) == 0 {
		return &histogram{Count: a.Count, Sum: a.Sum}, &histogram{Count: b.Count, Sum: b.Sum}
	}
	var bounds []float64
	for _, bound := range a.Bounds {
		if slices.Contains(b.Bounds, bound) {
			bounds = append(bounds, bound)
		}
	}
	return a.coarse(bounds), b.coarse(bounds)
}

// coarse leaves a part of the bounds.
func (h *histogram) coarse(bounds []float64) *histogram {
	c := &histogram{Count: h.Count, Sum: h.Sum, Bounds: bounds, Counts: make([]uint64, len(bounds)+1)}
	for i, count := range h.Counts {
		at := len(bounds)
		if i < len(h.Bounds) {
			at, _ = slices.BinarySearch(bounds, h.Bounds[i])
		}
		c.Counts[at] += count
	}
	return c
}

// putNumber writes into a point.
func (v value) putNumber(into pmetric.NumberDataPoint) {
	if v.Float {
		into.SetDoubleValue(v.Double)
	} else {
		into.SetIntValue(v.Int)
	}
}

func (h *histogram) put(into pmetric.HistogramDataPoint) {
	into.SetCount(h.Count)
	if h.Sum != nil {
		into.SetSum(*h.Sum)
	}
	into.ExplicitBounds().FromRaw(h.Bounds)
	into.BucketCounts().FromRaw(h.Counts)
}
