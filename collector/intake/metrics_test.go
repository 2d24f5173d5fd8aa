package intake

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/redact"
)

const (
	cumulative = pmetric.AggregationTemporalityCumulative
	delta      = pmetric.AggregationTemporalityDelta
)

func gauge(m pmetric.Metric, when pcommon.Timestamp) pmetric.NumberDataPoint {
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(when)
	p.SetDoubleValue(1)
	return p
}

func sum(m pmetric.Metric, temporality pmetric.AggregationTemporality, when pcommon.Timestamp) pmetric.NumberDataPoint {
	s := m.SetEmptySum()
	s.SetAggregationTemporality(temporality)
	s.SetIsMonotonic(true)
	p := s.DataPoints().AppendEmpty()
	p.SetStartTimestamp(at(-time.Minute))
	p.SetTimestamp(when)
	p.SetIntValue(1)
	return p
}

func TestTimesOfPointsBecomePossible(t *testing.T) {
	kinds := map[string]func(pmetric.Metric, pcommon.Timestamp) pmetric.NumberDataPoint{
		"gauge":      gauge,
		"cumulative": func(m pmetric.Metric, w pcommon.Timestamp) pmetric.NumberDataPoint { return sum(m, cumulative, w) },
		"delta":      func(m pmetric.Metric, w pcommon.Timestamp) pmetric.NumberDataPoint { return sum(m, delta, w) },
	}
	for _, each := range []struct {
		name      string
		when      pcommon.Timestamp
		want      pcommon.Timestamp
		onlyDelta bool
	}{
		{"good", at(-time.Minute), at(-time.Minute), false},
		{"9 minutes ahead", at(9 * time.Minute), at(9 * time.Minute), false},
		{"11 minutes ahead", at(11 * time.Minute), at(0), false},
		{"as old as is taken", at(-230 * time.Minute), at(-230 * time.Minute), false},
		{"4 hours old", at(-4 * time.Hour), at(0), true},
		{"no time", 0, at(0), false},
		{"of 1970", 17, at(0), false},
		{"microseconds", at(-time.Minute) / 1000, at(-time.Minute), false},
	} {
		for kind, made := range kinds {
			t.Run(each.name+" "+kind, func(t *testing.T) {
				d := newDoor(t, "metrics")
				left := d.metric(t, func(m pmetric.Metric) { made(m, each.when) })
				if each.onlyDelta && kind != "delta" {
					require.Zero(t, left.Len())
					require.Equal(t, map[string]int64{"refused/old": 1}, d.counted(t))
					return
				}
				var p pmetric.NumberDataPoint
				if kind == "gauge" {
					p = left.At(0).Gauge().DataPoints().At(0)
				} else {
					p = left.At(0).Sum().DataPoints().At(0)
				}
				require.Equal(t, each.want, p.Timestamp())
				require.LessOrEqual(t, p.StartTimestamp(), p.Timestamp())
				require.Zero(t, p.Attributes().Len()) // a separate label for each point would make a series of each
				require.Equal(t, each.want != each.when, d.counted(t)["corrected/time"] == 1)
			})
		}
	}
}

func TestPointsOfOneSeriesAreMovedApart(t *testing.T) {
	d := newDoor(t, "metrics")
	left := d.metric(t, func(m pmetric.Metric) {
		sum(m, cumulative, at(time.Hour)).SetIntValue(10)
		for i, ahead := range []time.Duration{2 * time.Hour, 90 * time.Minute} {
			p := m.Sum().DataPoints().AppendEmpty()
			p.SetTimestamp(at(ahead))
			p.SetIntValue(int64(30 - 10*i))
		}
	})
	points := left.At(0).Sum().DataPoints()
	require.Equal(t, at(-2*time.Millisecond), points.At(0).Timestamp())
	require.Equal(t, at(0), points.At(1).Timestamp())
	require.Equal(t, at(-time.Millisecond), points.At(2).Timestamp())
}

func TestOrdinaryNamesOfMetricsStay(t *testing.T) {
	for _, name := range []string{
		"requestP95Latency", "http2xxResponses5mRate", "Number of active requests per second (all hosts)", "queue[high]",
		"durée des requêtes", "jvm.memory/heap used {MiB}", "tokens:total:rate5m", "access_token_refreshed_total",
		"sha256Digests", "AWS/ApplicationELB/HTTPCode_Target_2XX_Count", "a" + strings.Repeat("VeryLongName", 10),
		"gpu_0000:3b:00.0_temperature", "node_disk_0_read_bytes_total", "rpc.duration_20260101", "%time & 50% < x",
	} {
		d := newDoor(t, "metrics")
		left := d.metric(t, func(m pmetric.Metric) { m.SetName(name); gauge(m, at(0)) })
		require.Equal(t, 1, left.Len(), name)
		require.Equal(t, name, left.At(0).Name())
		require.Empty(t, d.counted(t))
	}
}

func TestLongNamesOfMetricsAreCutAndStay(t *testing.T) {
	d := newDoor(t, "metrics")
	isSecret, err := redact.MetricNames("")
	require.NoError(t, err)
	for _, last := range []string{"a", "b"} {
		left := d.metric(t, func(m pmetric.Metric) { m.SetName(strings.Repeat("long_", 200) + last); gauge(m, at(0)) })
		require.Equal(t, 1, left.Len())
		require.Len(t, left.At(0).Name(), maxName)
		require.False(t, isSecret(left.At(0).Name()), "masking would take it")
	}
	require.Equal(t, map[string]int64{"cut/name": 2}, d.counted(t))
}

func TestMetricsAreRefusedByTheRulesOfThePolicyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "redact.yaml")
	require.NoError(t, os.WriteFile(file, []byte("rules:\n  - {name: customer, pattern: 'CUST-[0-9]+'}\n"), 0o600))
	d := newDoor(t, "metrics", func(c *Config) { c.PolicyFile = file })
	require.Zero(t, d.metric(t, func(m pmetric.Metric) { m.SetName("orders.CUST-17"); gauge(m, at(0)) }).Len())
	require.Equal(t, map[string]int64{"refused/metric_secret": 1}, d.counted(t))
}

func TestRefusesOnlyPointsThatPrometheusRefuses(t *testing.T) {
	for name, each := range map[string]struct {
		change func(pmetric.Metric)
		why    string
	}{
		"no name":            {func(m pmetric.Metric) { m.SetName(""); gauge(m, at(0)) }, "metric_name"},
		"no letter":          {func(m pmetric.Metric) { m.SetName("日本"); gauge(m, at(0)) }, "metric_name"},
		"an address":         {func(m pmetric.Metric) { m.SetName("mails.to.ann@example.com"); gauge(m, at(0)) }, "metric_secret"},
		"a card":             {func(m pmetric.Metric) { m.SetName("card 4111111111111111"); gauge(m, at(0)) }, "metric_secret"},
		"a key":              {func(m pmetric.Metric) { m.SetName("calls.zq8f7s6d5f4g3h2j1k0m"); gauge(m, at(0)) }, "metric_secret"},
		"NaN of a counter":   {func(m pmetric.Metric) { sum(m, cumulative, at(0)).SetDoubleValue(math.NaN()) }, "value"},
		"no temporality":     {func(m pmetric.Metric) { sum(m, 0, at(0)) }, "metric_type"},
		"infinite counter":   {func(m pmetric.Metric) { sum(m, delta, at(0)).SetDoubleValue(math.Inf(1)) }, "value"},
		"bucket missing":     {func(m pmetric.Metric) { histogram(m, []uint64{1, 2}, 1, 2, 3) }, "value"},
		"count is not sum":   {func(m pmetric.Metric) { histogram(m, []uint64{1, 2}, 1).SetCount(17) }, "value"},
		"bounds that fall":   {func(m pmetric.Metric) { histogram(m, []uint64{1, 1, 1}, 2, 1) }, "value"},
		"NaN of a histogram": {func(m pmetric.Metric) { histogram(m, []uint64{1, 2}, 1).SetSum(math.NaN()) }, "value"},
		"native, count":      {func(m pmetric.Metric) { native(m).SetCount(17) }, "value"},
		"native, far":        {func(m pmetric.Metric) { native(m).Positive().SetOffset(math.MaxInt32) }, "value"},
		"native, scale":      {func(m pmetric.Metric) { native(m).SetScale(-5) }, "value"},
		"labels of 100 kB": {func(m pmetric.Metric) {
			p := gauge(m, at(0))
			for i := range 300 {
				p.Attributes().PutStr(string(rune('a'+i%26))+words(i), words(400))
			}
		}, "size"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, "metrics")
			ctx, refusals := WithRefusals(context.Background())
			md := pmetric.NewMetrics()
			metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
			for range 3 {
				m := metrics.AppendEmpty()
				m.SetName("good")
				gauge(m, at(0))
			}
			metrics.At(1).SetName("bad")
			each.change(metrics.At(1))
			_, err := d.metrics(ctx, md)
			require.NoError(t, err)
			require.Equal(t, 2, metrics.Len())
			n, _ := refusals.Items()
			require.EqualValues(t, 1, n)
			require.Equal(t, map[string]int64{"refused/" + each.why: 1}, d.counted(t))
		})
	}
}

func histogram(m pmetric.Metric, counts []uint64, bounds ...float64) pmetric.HistogramDataPoint {
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(cumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetTimestamp(at(0))
	p.BucketCounts().FromRaw(counts)
	p.ExplicitBounds().FromRaw(bounds)
	for _, n := range counts {
		p.SetCount(p.Count() + n)
	}
	p.SetSum(1)
	return p
}

func native(m pmetric.Metric) pmetric.ExponentialHistogramDataPoint {
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(cumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetTimestamp(at(0))
	p.Positive().BucketCounts().FromRaw([]uint64{1, 2})
	p.SetCount(3)
	p.SetSum(1)
	return p
}

func TestGoodPointsAreLeftAsTheyAre(t *testing.T) {
	for name, change := range map[string]func(pmetric.Metric){
		"gauge":             func(m pmetric.Metric) { gauge(m, at(0)).Attributes().PutStr("k", words(500)) },
		"NaN of a gauge":    func(m pmetric.Metric) { gauge(m, at(0)).SetDoubleValue(math.NaN()) },
		"counter":           func(m pmetric.Metric) { sum(m, cumulative, at(0)) },
		"histogram":         func(m pmetric.Metric) { histogram(m, []uint64{1, 2, 3}, 1, 2) },
		"histogram, no bin": func(m pmetric.Metric) { histogram(m, nil).SetCount(7) },
		"native":            func(m pmetric.Metric) { native(m) },
		"summary": func(m pmetric.Metric) {
			p := m.SetEmptySummary().DataPoints().AppendEmpty()
			p.SetTimestamp(at(0))
			p.SetCount(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, "metrics")
			want := pmetric.NewMetric()
			want.SetName("orders")
			change(want)
			left := d.metric(t, change)
			require.Equal(t, 1, left.Len())
			require.Empty(t, d.counted(t))
			if name != "NaN of a gauge" { // is not equal to itself
				got := pmetric.NewMetric()
				left.At(0).CopyTo(got)
				require.Equal(t, want, got)
			}
		})
	}
}

func TestLongLabelsKeepSeriesApart(t *testing.T) {
	d := newDoor(t, "metrics")
	label := func(end string) string {
		left := d.metric(t, func(m pmetric.Metric) { gauge(m, at(0)).Attributes().PutStr("query", words(5000)+end) })
		return text(t, left.At(0).Gauge().DataPoints().At(0).Attributes(), "query")
	}
	require.Len(t, label("a"), maxName)
	require.NotEqual(t, label("a"), label("b"))
}

func TestBadLabelsAndExemplarsAreCorrected(t *testing.T) {
	d := newDoor(t, "metrics")
	left := d.metric(t, func(m pmetric.Metric) {
		m.SetDescription("how\xff")
		p := sum(m, cumulative, at(0))
		p.Attributes().PutStr("", "a")
		p.Attributes().PutStr("b", "\xff")
		e := p.Exemplars().AppendEmpty()
		e.SetTimestamp(at(time.Hour))
		e.FilteredAttributes().PutStr("big", words(100_000))
	})
	p := left.At(0).Sum().DataPoints().At(0)
	require.Equal(t, map[string]any{"otelgate.unnamed": "a", "b": "\ufffd"}, p.Attributes().AsRaw())
	require.Equal(t, at(0), p.Exemplars().At(0).Timestamp())
	require.Zero(t, p.Exemplars().At(0).FilteredAttributes().Len())
	require.Equal(t, "how\ufffd", left.At(0).Description())
}

func TestPointThatIsSentAgainGetsTheSameTime(t *testing.T) {
	d := newDoor(t, "metrics")
	when := func(original pcommon.Timestamp) pcommon.Timestamp {
		left := d.metric(t, func(m pmetric.Metric) { sum(m, delta, original) })
		return left.At(0).Sum().DataPoints().At(0).Timestamp()
	}
	when(at(time.Hour))
	d.now = func() time.Time { return arrival.Add(time.Minute) }
	require.Equal(t, at(0), when(at(time.Hour)))
	require.Equal(t, at(time.Minute), when(at(time.Hour+time.Minute)))
	require.Equal(t, at(time.Minute), when(0))
}
