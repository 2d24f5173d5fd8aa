package accumulate

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxBuckets of an exponential histogram on either side of zero, as the SDKs have them.
const maxBuckets = 160

type exponential struct {
	Count     uint64   `json:"n"`
	Sum       *float64 `json:"s,omitempty"`
	Scale     int32    `json:"x"`
	Zero      uint64   `json:"z,omitempty"`
	Threshold float64  `json:"t,omitempty"`
	Positive  buckets  `json:"p"`
	Negative  buckets  `json:"q"`
}

// buckets are neighbours, the first with the index Offset.
type buckets struct {
	Offset int64    `json:"o,omitempty"`
	Counts []uint64 `json:"c,omitempty"`
}

func (b buckets) end() int64 { return b.Offset + int64(len(b.Counts)) - 1 }

// coarser halves the resolution so many times.
func (b buckets) coarser(by int32) buckets {
	if by == 0 || len(b.Counts) == 0 {
		return b
	}
	c := buckets{Offset: b.Offset >> by}
	c.Counts = make([]uint64, (b.end()>>by)-c.Offset+1)
	for i, count := range b.Counts {
		c.Counts[((b.Offset+int64(i))>>by)-c.Offset] += count
	}
	return c
}

// trimmed leaves out empty buckets at the ends, which decide nothing and cost room.
func (b buckets) trimmed() buckets {
	for len(b.Counts) > 0 && b.Counts[len(b.Counts)-1] == 0 {
		b.Counts = b.Counts[:len(b.Counts)-1]
	}
	for len(b.Counts) > 0 && b.Counts[0] == 0 {
		b.Counts, b.Offset = b.Counts[1:], b.Offset+1
	}
	if len(b.Counts) == 0 {
		return buckets{}
	}
	return b
}

// reach is the first and last index of both.
func reach(a, b buckets) (low, high int64) {
	switch {
	case len(a.Counts) == 0:
		return b.Offset, b.end()
	case len(b.Counts) == 0:
		return a.Offset, a.end()
	}
	return min(a.Offset, b.Offset), max(a.end(), b.end())
}

func (b buckets) plus(other buckets) buckets {
	low, high := reach(b, other)
	if high < low {
		return buckets{}
	}
	sum := buckets{Offset: low, Counts: make([]uint64, high-low+1)}
	for _, part := range []buckets{b, other} {
		for i, count := range part.Counts {
			sum.Counts[part.Offset+int64(i)-low] += count
		}
	}
	return sum
}

func (b buckets) minus(earlier buckets) (buckets, bool) {
	left := b.plus(buckets{})
	for i, count := range earlier.Counts {
		at := earlier.Offset + int64(i) - left.Offset
		if count == 0 {
			continue
		}
		if at < 0 || at >= int64(len(left.Counts)) || left.Counts[at] < count {
			return buckets{}, false
		}
		left.Counts[at] -= count
	}
	return left, true
}

func (e *exponential) coarser(scale int32) *exponential {
	if scale == e.Scale {
		return e
	}
	c := *e
	c.Scale = scale
	c.Positive = e.Positive.coarser(e.Scale - scale)
	c.Negative = e.Negative.coarser(e.Scale - scale)
	return &c
}

// plus adds at the coarser scale, or one coarser still that keeps the buckets few.
func (e *exponential) plus(other *exponential) *exponential {
	scale := min(e.Scale, other.Scale)
	a, b := e.coarser(scale), other.coarser(scale)
	for wide(a.Positive, b.Positive) || wide(a.Negative, b.Negative) {
		scale--
		a, b = a.coarser(scale), b.coarser(scale)
	}
	return &exponential{
		Count: a.Count + b.Count, Sum: addSums(a.Sum, b.Sum, 1), Scale: scale, Zero: a.Zero + b.Zero,
		Threshold: max(a.Threshold, b.Threshold),
		Positive:  a.Positive.plus(b.Positive), Negative: a.Negative.plus(b.Negative),
	}
}

func wide(a, b buckets) bool {
	low, high := reach(a, b)
	return high-low+1 > maxBuckets
}

func (e *exponential) minus(earlier *exponential) (*exponential, bool) {
	if e.Count < earlier.Count || e.Zero < earlier.Zero {
		return nil, false
	}
	scale := min(e.Scale, earlier.Scale)
	a, b := e.coarser(scale), earlier.coarser(scale)
	positive, fits := a.Positive.minus(b.Positive)
	negative, fitsToo := a.Negative.minus(b.Negative)
	return &exponential{
		Count: a.Count - b.Count, Sum: addSums(a.Sum, b.Sum, -1), Scale: scale, Zero: a.Zero - b.Zero,
		Threshold: a.Threshold, Positive: positive, Negative: negative,
	}, fits && fitsToo
}

func (e *exponential) put(into pmetric.ExponentialHistogramDataPoint) {
	into.SetCount(e.Count)
	if e.Sum != nil {
		into.SetSum(*e.Sum)
	}
	into.SetScale(e.Scale)
	into.SetZeroCount(e.Zero)
	into.SetZeroThreshold(e.Threshold)
	into.Positive().SetOffset(int32(e.Positive.Offset))
	into.Positive().BucketCounts().FromRaw(e.Positive.Counts)
	into.Negative().SetOffset(int32(e.Negative.Offset))
	into.Negative().BucketCounts().FromRaw(e.Negative.Counts)
}
