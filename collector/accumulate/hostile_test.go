package accumulate

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var (
	oddTimes  = []uint64{0, 1, math.MaxInt64, math.MaxUint64, 1_800_000_000_000_000_000}
	oddCounts = []uint64{0, 1, 7, maxCount, math.MaxUint64}
	oddFloats = []float64{0, -1, 0.5, math.NaN(), math.Inf(1), math.MaxFloat64, math.SmallestNonzeroFloat64}
	oddInts   = []int32{0, 1, -1, 8, -4, 20, math.MaxInt32, math.MinInt32}
)

func one[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }

func some[T any](random *rand.Rand, of []T) []T {
	picked := make([]T, random.IntN(5))
	for i := range picked {
		picked[i] = one(random, of)
	}
	return picked
}

// hostile adds a metric of which any part can be anything.
func hostile(random *rand.Rand, in pmetric.MetricSlice) {
	metric := in.AppendEmpty()
	metric.SetName("odd")
	temporality := pmetric.AggregationTemporality(random.IntN(4))
	stamp := func(point interface {
		SetStartTimestamp(pcommon.Timestamp)
		SetTimestamp(pcommon.Timestamp)
		SetFlags(pmetric.DataPointFlags)
	},
	) {
		point.SetStartTimestamp(pcommon.Timestamp(one(random, oddTimes)))
		point.SetTimestamp(pcommon.Timestamp(one(random, oddTimes)))
		point.SetFlags(pmetric.DataPointFlags(random.IntN(3)))
	}
	switch random.IntN(3) {
	case 0:
		metric.SetEmptySum().SetAggregationTemporality(temporality)
		metric.Sum().SetIsMonotonic(random.IntN(2) == 0)
		p := metric.Sum().DataPoints().AppendEmpty()
		stamp(p)
		if p.SetDoubleValue(one(random, oddFloats)); random.IntN(2) == 0 {
			p.SetIntValue(int64(one(random, oddTimes)))
		}
	case 1:
		metric.SetEmptyHistogram().SetAggregationTemporality(temporality)
		p := metric.Histogram().DataPoints().AppendEmpty()
		stamp(p)
		p.SetCount(one(random, oddCounts))
		p.SetSum(one(random, oddFloats))
		p.BucketCounts().FromRaw(some(random, oddCounts))
		p.ExplicitBounds().FromRaw(some(random, oddFloats))
	default:
		metric.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
		p := metric.ExponentialHistogram().DataPoints().AppendEmpty()
		stamp(p)
		p.SetCount(one(random, oddCounts))
		p.SetZeroCount(one(random, oddCounts))
		p.SetScale(one(random, oddInts))
		p.Positive().SetOffset(one(random, oddInts))
		p.Positive().BucketCounts().FromRaw(some(random, oddCounts))
		p.Negative().SetOffset(one(random, oddInts))
		p.Negative().BucketCounts().FromRaw(some(random, oddCounts))
	}
}

func TestHostilePointsDoNotAffectNeighbours(t *testing.T) {
	r, random := newRig(t), rand.New(rand.NewPCG(3, 7))
	for range 3000 {
		metrics := r.metrics(point{resource: of("good"), delta: true, from: 1, value: 1})
		for range random.IntN(3) {
			hostile(random, metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics())
		}
		r.sent(metrics)
		if r.flushed(); random.IntN(100) == 0 {
			r.start()
		}
	}
	good := r.written()["tokens gateway-1 map[service.name:good]"]
	if last := good[len(good)-1].value; last != 3000 {
		t.Errorf("%v of 3000", last)
	}
	for name, samples := range r.written() {
		for _, s := range samples {
			if accumulated := strings.Contains(name, "gateway-1"); accumulated && (math.IsNaN(s.value) || math.IsInf(s.value, 0)) {
				t.Fatal(name, s)
			}
		}
	}
}
