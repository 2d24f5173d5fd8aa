package accumulate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func hist(bounds []float64, counts ...uint64) value {
	sum := 0.5
	return value{Hist: &histogram{Count: total(counts), Sum: &sum, Bounds: bounds, Counts: counts}}
}

func show(v value) string {
	encoded, _ := json.Marshal(v)
	return string(encoded)
}

func TestHistogramsKeepCommonBounds(t *testing.T) {
	for _, c := range []struct {
		a, b value
		want string
	}{
		{hist([]float64{1, 5}, 1, 2, 3), hist([]float64{1, 5}, 10, 20, 30), `{"h":{"n":66,"s":1,"b":[1,5],"c":[11,22,33]}}`},
		{hist([]float64{1, 5}, 1, 2, 3), hist([]float64{1, 2, 5, 9}, 1, 1, 1, 1, 1), `{"h":{"n":11,"s":1,"b":[1,5],"c":[2,4,5]}}`},
		{hist([]float64{1}, 1, 2), hist([]float64{7}, 1, 1), `{"h":{"n":5,"s":1,"c":[5]}}`},
		{hist([]float64{1}, 1, 2), hist(nil), `{"h":{"n":3,"s":1}}`},
	} {
		if got := show(c.a.plus(c.b)); got != c.want {
			t.Errorf("%s, expected %s", got, c.want)
		}
		if got := show(c.b.plus(c.a)); got != c.want {
			t.Errorf("the other way round: %s, expected %s", got, c.want)
		}
	}
}

func TestDifferenceOfHistograms(t *testing.T) {
	later, earlier := hist([]float64{1, 5}, 3, 3, 3), hist([]float64{1, 5}, 1, 2, 3)
	if got, ok := later.minus(earlier); !ok || show(got) != `{"h":{"n":3,"s":0,"b":[1,5],"c":[2,1,0]}}` {
		t.Error(show(got), ok)
	}
	if _, ok := earlier.minus(later); ok {
		t.Error("it fell")
	}
	if _, ok := hist([]float64{1, 5}, 9, 0, 0).minus(earlier); ok {
		t.Error("a bucket fell")
	}
	if _, ok := intValue(5).minus(earlier); ok {
		t.Error("a number continues a histogram")
	}
}

func TestInfiniteBoundIsTheLastBucket(t *testing.T) {
	point := pmetric.NewHistogramDataPoint()
	point.ExplicitBounds().FromRaw([]float64{1, math.Inf(1)})
	point.BucketCounts().FromRaw([]uint64{1, 2, 0})
	point.SetCount(3)
	if got, fault := explicit(point); fault != "" || show(got) != `{"h":{"n":3,"b":[1],"c":[1,2]}}` {
		t.Error(show(got), fault)
	}
	point.ExplicitBounds().FromRaw([]float64{math.Inf(-1), 1})
	if _, fault := explicit(point); fault != malformed {
		t.Error(fault)
	}
}

func TestWholeNumbersStayWholeUntilTheyOverflow(t *testing.T) {
	if got := intValue(1 << 60).plus(intValue(1)); got.Float || got.Int != 1<<60+1 {
		t.Error(show(got))
	}
	if got := intValue(math.MaxInt64).plus(intValue(1)); !got.Float || got.Double != float64(math.MaxInt64) {
		t.Error(show(got))
	}
	if got := intValue(1).plus(floatValue(0.5)); got.number() != 1.5 {
		t.Error(show(got))
	}
}

// random exponential histograms of numbers, and the count of each power of 2 among them: what every scale preserves.
func exponentialOf(random *rand.Rand, scale int32, numbers int) value {
	point := pmetric.NewExponentialHistogramDataPoint()
	point.SetScale(scale)
	counts := make([]uint64, 40)
	for range numbers {
		counts[random.IntN(len(counts))]++
	}
	point.Positive().SetOffset(int32(random.IntN(60)) - 30)
	point.Positive().BucketCounts().FromRaw(counts)
	point.SetCount(uint64(numbers))
	point.SetSum(float64(numbers))
	v, fault := exponentials(point)
	if fault != "" {
		panic(fault)
	}
	return v
}

func TestExponentialHistogramsAddUpAndComeApartAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 24))
	for range 2000 {
		a := exponentialOf(random, int32(random.IntN(8))-2, random.IntN(50)+1)
		b := exponentialOf(random, int32(random.IntN(8))-2, random.IntN(50)+1)
		sum := a.plus(b)
		if sum.Exp.Count != a.Exp.Count+b.Exp.Count || total(sum.Exp.Positive.Counts) != sum.Exp.Count ||
			len(sum.Exp.Positive.Counts) > maxBuckets || *sum.Exp.Sum != *a.Exp.Sum+*b.Exp.Sum {
			t.Fatal(show(a), show(b), show(sum))
		}
		left, ok := sum.minus(a)
		again := b.Exp.coarser(sum.Exp.Scale)
		if !ok || fmt.Sprint(left.Exp.Positive.trimmed()) != fmt.Sprint(again.Positive.trimmed()) {
			t.Fatal(show(a), show(b), show(sum), show(left))
		}
		if _, ok := a.minus(sum); ok {
			t.Fatal("it fell")
		}
	}
}

func TestImpossibleExponentialHistogramsAreRefused(t *testing.T) {
	for name, change := range map[string]func(pmetric.ExponentialHistogramDataPoint){
		"no number is that large": func(p pmetric.ExponentialHistogramDataPoint) { p.Positive().SetOffset(1_000_000) },
		"scale":                   func(p pmetric.ExponentialHistogramDataPoint) { p.SetScale(-11) },
		"count":                   func(p pmetric.ExponentialHistogramDataPoint) { p.SetCount(7) },
		"threshold":               func(p pmetric.ExponentialHistogramDataPoint) { p.SetZeroThreshold(math.NaN()) },
	} {
		p := pmetric.NewExponentialHistogramDataPoint()
		p.Positive().BucketCounts().FromRaw([]uint64{1, 2})
		p.SetCount(3)
		if _, fault := exponentials(p); fault != "" {
			t.Fatal(fault)
		}
		change(p)
		if _, fault := exponentials(p); fault != malformed {
			t.Errorf("%s: '%s'", name, fault)
		}
	}
}

func TestValuesAreStoredExactly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, v := range []value{
		intValue(math.MaxInt64), floatValue(0.1 + 0.2), floatValue(1e300), hist([]float64{0.1, 3}, 1, 2, 3),
		exponentialOf(random, 3, 20),
	} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%v: %v", v, err)
			continue
		}
		var again value
		if err := json.Unmarshal(encoded, &again); err != nil || show(again) != show(v) {
			t.Error(show(again), show(v), err)
		}
	}
}
