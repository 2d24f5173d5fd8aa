package labelguard

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sub, _ := conf.Sub("label_guard")
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	want := Config{Labels: []string{"ticket"}, Keep: []string{"db.user", "user"}}
	if fmt.Sprint(*cfg) != fmt.Sprint(want) || cfg.Validate() != nil {
		t.Errorf("got %+v", *cfg)
	}
}

func TestConfigFaults(t *testing.T) {
	cfg := &Config{Labels: []string{"", "a"}, Keep: []string{"a", ""}}
	want := []string{
		"labels='': expected the name of a label",
		"keep='': expected a label that is not listed in labels",
		"keep='a': expected a label that is not listed in labels",
		"keep='': expected the name of a label",
	}
	if err := cfg.Validate(); err == nil || err.Error() != strings.Join(want, "\n") {
		t.Error(err)
	}
}

// pass sends metrics through the processor as the Collector makes it.
func pass(t *testing.T, cfg *Config, metrics pmetric.Metrics) (*consumertest.MetricsSink, *componenttest.Telemetry) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = telemetry.Shutdown(context.Background()) })
	sink := &consumertest.MetricsSink{}
	set := processor.Settings{ID: component.MustNewID("label_guard"), TelemetrySettings: telemetry.NewTelemetrySettings()}
	made, err := NewFactory().CreateMetrics(context.Background(), set, cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.ConsumeMetrics(context.Background(), metrics); err != nil {
		t.Fatal(err)
	}
	return sink, telemetry
}

func defaults() *Config { return NewFactory().CreateDefaultConfig().(*Config) }

func scope() (pmetric.Metrics, pmetric.ScopeMetrics) {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	resource.Resource().Attributes().PutStr("session.id", "s-1")
	return metrics, resource.ScopeMetrics().AppendEmpty()
}

func label(attributes pcommon.Map, route, user string) {
	attributes.PutStr("http.route", route)
	if user != "" {
		attributes.PutStr("user.id", user)
	}
}

// counted is a counter of the processor's own, by its attribute's value.
func counted(t *testing.T, telemetry *componenttest.Telemetry, name string) map[string]int64 {
	t.Helper()
	found, err := telemetry.GetMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, point := range found.Data.(metricdata.Sum[int64]).DataPoints {
		key := ""
		if point.Attributes.Len() > 0 {
			attribute, _ := point.Attributes.Get(0)
			key = attribute.Value.AsString()
		}
		counts[key] = point.Value
	}
	return counts
}

func TestCountersLoseUsersAndAddUp(t *testing.T) {
	metrics, in := scope()
	sum := in.Metrics().AppendEmpty()
	sum.SetName("requests")
	points := sum.SetEmptySum().DataPoints()
	for i, of := range [][2]string{{"/a", "u1"}, {"/b", "u1"}, {"/a", "u2"}, {"/a", ""}, {"/c", ""}} {
		point := points.AppendEmpty()
		label(point.Attributes(), of[0], of[1])
		point.SetIntValue(int64(10 + i))
		point.SetStartTimestamp(pcommon.Timestamp(100 - i))
		point.SetTimestamp(pcommon.Timestamp(200 + i))
		point.Exemplars().AppendEmpty().FilteredAttributes().PutStr("user.email", "x@example.com")
	}
	sink, telemetry := pass(t, defaults(), metrics)
	out := sink.AllMetrics()[0].ResourceMetrics().At(0)
	if out.Resource().Attributes().Len() != 1 {
		t.Error(out.Resource().Attributes().AsRaw())
	}
	var got []string
	for _, point := range out.ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().All() {
		got = append(got, fmt.Sprintf("%v %d %d-%d %d exemplars", point.Attributes().AsRaw(), point.IntValue(),
			uint64(point.StartTimestamp()), uint64(point.Timestamp()), point.Exemplars().Len()))
		for _, exemplar := range point.Exemplars().All() {
			if exemplar.FilteredAttributes().Len() != 0 {
				t.Error("an exemplar has the user")
			}
		}
	}
	want := []string{"map[http.route:/a] 35 97-203 3 exemplars", "map[http.route:/b] 11 99-201 1 exemplars",
		"map[http.route:/c] 14 96-204 1 exemplars"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
	if got := counted(t, telemetry, "otelgate.labelguard.removed"); fmt.Sprint(got) != "map[session.id:1 user.email:5 user.id:3]" {
		t.Error(got)
	}
	if got := counted(t, telemetry, "otelgate.labelguard.merged"); got[""] != 2 {
		t.Error(got)
	}
}

func TestWithoutSuchLabelsNothingChanges(t *testing.T) {
	metrics, in := scope()
	metrics.ResourceMetrics().At(0).Resource().Attributes().Remove("session.id")
	gauge := in.Metrics().AppendEmpty()
	gauge.SetName("depth")
	points := gauge.SetEmptyGauge().DataPoints()
	for at := range 2 { // one series at two times
		point := points.AppendEmpty()
		point.SetTimestamp(pcommon.Timestamp(at))
		label(point.Attributes(), "/a", "")
	}
	before := pmetric.NewMetrics()
	metrics.CopyTo(before)
	sink, _ := pass(t, defaults(), metrics)
	marshal := pmetric.JSONMarshaler{}
	want, _ := marshal.MarshalMetrics(before)
	got, _ := marshal.MarshalMetrics(sink.AllMetrics()[0])
	if string(got) != string(want) {
		t.Errorf("got %s, expected %s", got, want)
	}
}

func TestMergesReadingsMadeEqualByMasking(t *testing.T) {
	metrics, in := scope()
	sum := in.Metrics().AppendEmpty().SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	gauge := in.Metrics().AppendEmpty().SetEmptyGauge()
	summary := in.Metrics().AppendEmpty().SetEmptySummary()
	for i, route := range []string{"/[token]", "/a", "/[token]", "/[token]"} {
		for _, points := range []pmetric.NumberDataPointSlice{sum.DataPoints(), gauge.DataPoints()} {
			point := points.AppendEmpty()
			label(point.Attributes(), route, "")
			point.SetTimestamp(pcommon.Timestamp(7 + i/3))
			point.SetIntValue(int64(10 + i))
		}
		point := summary.DataPoints().AppendEmpty()
		label(point.Attributes(), route, "")
		point.SetSum(float64(10 + i))
	}
	_, telemetry := pass(t, defaults(), metrics)
	values := func(points pmetric.NumberDataPointSlice) (all []string) {
		for _, point := range points.All() {
			all = append(all, fmt.Sprint(point.Attributes().AsRaw()["http.route"], " ", point.IntValue(), " ", uint64(point.Timestamp())))
		}
		return all
	}
	if got := values(sum.DataPoints()); fmt.Sprint(got) != "[/[token] 22 7 /a 11 7 /[token] 13 8]" {
		t.Error(got)
	}
	if got := values(gauge.DataPoints()); fmt.Sprint(got) != "[/[token] 10 7 /a 11 7 /[token] 13 8]" {
		t.Error(got)
	}
	if points := summary.DataPoints(); points.Len() != 2 || points.At(0).Sum() != 35 {
		t.Error(points.Len(), points.At(0).Sum())
	}
	if got := counted(t, telemetry, "otelgate.labelguard.merged"); got[""] != 4 {
		t.Error(got)
	}
}

// Counters have their sender's mark, by which `accumulate` adds them up, though masking made their labels the same.
func TestKeepsCountersMadeEqualByMasking(t *testing.T) {
	metrics, in := scope()
	sum := in.Metrics().AppendEmpty().SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for range 2 {
		label(sum.DataPoints().AppendEmpty().Attributes(), "/[token]", "")
	}
	pass(t, defaults(), metrics)
	if sum.DataPoints().Len() != 2 {
		t.Error("merged")
	}
}

// They have their sender's mark, by which `accumulate` adds them up.
func TestHistogramsLoseUsersAndStayApart(t *testing.T) {
	metrics, in := scope()
	points := in.Metrics().AppendEmpty().SetEmptyHistogram().DataPoints()
	exponential := in.Metrics().AppendEmpty().SetEmptyExponentialHistogram().DataPoints()
	for _, user := range []string{"u1", "u2"} {
		label(points.AppendEmpty().Attributes(), "/a", user)
		label(exponential.AppendEmpty().Attributes(), "/a", user)
	}
	sink, _ := pass(t, defaults(), metrics)
	left := sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	if left.At(0).Histogram().DataPoints().Len() != 2 || left.At(1).ExponentialHistogram().DataPoints().Len() != 2 {
		t.Error("merged")
	}
	for _, attributes := range []pcommon.Map{
		left.At(0).Histogram().DataPoints().At(1).Attributes(), left.At(1).ExponentialHistogram().DataPoints().At(0).Attributes(),
	} {
		if attributes.Len() != 1 {
			t.Error(attributes.AsRaw())
		}
	}
}

func TestLabelsAndKeep(t *testing.T) {
	metrics, in := scope()
	point := in.Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	for _, name := range []string{"user", "ticket", "db.user", "userId"} {
		point.Attributes().PutStr(name, "x")
	}
	sink, _ := pass(t, &Config{Labels: []string{"ticket"}, Keep: []string{"db.user", "user"}}, metrics)
	left := sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Attributes()
	if got := fmt.Sprint(left.AsRaw()); got != "map[db.user:x user:x]" {
		t.Error(got)
	}
}

func TestNamesAreBounded(t *testing.T) {
	metrics, in := scope()
	for i := range maxNames + 50 {
		point := in.Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
		point.Attributes().PutStr(fmt.Sprintf("label%d.user.id", i), "x")
	}
	_, telemetry := pass(t, defaults(), metrics)
	counts := counted(t, telemetry, "otelgate.labelguard.removed")
	if got := counts["_OTHER"]; got != 52 { // service.name and session.id took two places
		t.Errorf("%d under _OTHER of %d", got, len(counts))
	}
}

func TestOtherKinds(t *testing.T) {
	older, newer := pmetric.NewNumberDataPoint(), pmetric.NewNumberDataPoint()
	older.SetTimestamp(1)
	older.SetIntValue(1)
	newer.SetTimestamp(2)
	newer.SetIntValue(7)
	latest(older, newer)
	if older.IntValue() != 7 {
		t.Error(older.IntValue())
	}
	half := pmetric.NewNumberDataPoint()
	half.SetDoubleValue(0.5)
	half.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	addNumbers(half, newer)
	if half.DoubleValue() != 7.5 || half.Flags().NoRecordedValue() {
		t.Error(half.DoubleValue())
	}
	a, b := pmetric.NewSummaryDataPoint(), pmetric.NewSummaryDataPoint()
	for _, p := range []pmetric.SummaryDataPoint{a, b} {
		p.SetCount(2)
		p.SetSum(3)
		p.QuantileValues().AppendEmpty().SetQuantile(0.5)
	}
	addSummaries(a, b)
	if a.Count() != 4 || a.Sum() != 6 || a.QuantileValues().Len() != 0 {
		t.Error(a.Count(), a.Sum(), a.QuantileValues().Len())
	}
}
