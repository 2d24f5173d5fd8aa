package accumulate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"otelgate/collector/derived"
	"otelgate/collector/intake"
	"otelgate/collector/sender"
)

const second = int64(time.Second)

// disk is a storage that outlives what uses it, and can be full.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client
	entries map[string][]byte
	full    bool
}

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *disk) Batch(_ context.Context, operations ...*storage.Operation) error {
	if d.full {
		return errors.New("no space left on device")
	}
	for _, o := range operations {
		if o.Type == storage.Delete {
			delete(d.entries, o.Key)
		} else {
			d.entries[o.Key] = slices.Clone(o.Value)
		}
	}
	return nil
}

func (d *disk) Walk(ctx context.Context, each storage.WalkFunc) error {
	for _, key := range slices.Collect(maps.Keys(d.entries)) {
		operations, err := each(key, d.entries[key])
		if err == nil {
			err = d.Batch(ctx, operations...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (*disk) Close(context.Context) error { return nil }

type diskHost struct {
	component.Host
	*disk
}

func (d diskHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("file_storage"): d.disk}
}

// rig is the processor behind the one that marks senders, with its own clock and disk.
type rig struct {
	*accumulator
	t         testing.TB
	cfg       *Config
	disk      *disk
	sink      *consumertest.MetricsSink
	telemetry *componenttest.Telemetry
	now       time.Time
	marks     processor.Metrics
	notes     *derived.Registry
	refusals  *intake.Refusals // of the last request
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	id := component.MustNewID("file_storage")
	cfg := defaultConfig().(*Config)
	cfg.InstanceID, cfg.Storage, cfg.Derived = "gateway-1", &id, []string{"gen_ai.*"}
	for _, each := range change {
		each(cfg)
	}
	r := &rig{
		t: t, cfg: cfg, disk: &disk{entries: map[string][]byte{}}, sink: &consumertest.MetricsSink{},
		now: time.Unix(1_800_000_000, 0), notes: derived.NewRegistry(),
	}
	r.start()
	r.pass(time.Hour)
	return r
}

// start makes a processor, as a gateway that starts does; what the last one had in memory is gone.
func (r *rig) start() {
	r.t.Helper()
	ctx := context.Background()
	r.telemetry = componenttest.NewTelemetry()
	var err error
	r.accumulator, err = newAccumulator(component.MustNewID("accumulate"), r.cfg, r.telemetry.NewTelemetrySettings(), r.sink,
		func() time.Time { return r.now }, r.notes)
	if err == nil {
		err = r.open(ctx, diskHost{componenttest.NewNopHost(), r.disk})
	}
	if err == nil {
		set := processor.Settings{ID: component.MustNewID("sender"), TelemetrySettings: r.telemetry.NewTelemetrySettings()}
		r.marks, err = sender.NewFactory().CreateMetrics(ctx, set, &struct{}{}, r.accumulator)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) pass(d time.Duration) { r.now = r.now.Add(d) }

func (r *rig) flushed() *rig {
	r.pass(time.Second)
	r.flush(context.Background())
	return r
}

func (r *rig) settled() *rig {
	r.pass(r.cfg.Settle)
	return r.flushed()
}

func (r *rig) send(metrics pmetric.Metrics) error {
	c := pmetric.NewMetrics()
	metrics.CopyTo(c)
	var ctx context.Context
	ctx, r.refusals = intake.WithRefusals(context.Background())
	return r.marks.ConsumeMetrics(ctx, c)
}

// refused is the number of refused items in the answer to the last request.
func (r *rig) refused(items int64, why string) {
	r.t.Helper()
	if n, said := r.refusals.Items(); n != items || items > 0 && !strings.Contains(said, " "+why+";") {
		r.t.Errorf("%d refused: %s; expected %d: %s", n, said, items, why)
	}
}

func (r *rig) sent(metrics pmetric.Metrics) {
	r.t.Helper()
	if err := r.send(metrics); err != nil {
		r.t.Fatal(err)
	}
}

// point of a counter; times in seconds before now.
type point struct {
	resource, labels map[string]any
	name             string
	delta            bool
	from, to         float64
	value            any
}

func (r *rig) metrics(points ...point) pmetric.Metrics {
	all := pmetric.NewMetrics()
	for _, p := range points {
		resource := all.ResourceMetrics().AppendEmpty()
		_ = resource.Resource().Attributes().FromRaw(p.resource)
		metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		if metric.SetName(p.name); p.name == "" {
			metric.SetName("tokens")
		}
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		if p.delta {
			sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
		r.point(sum.DataPoints().AppendEmpty(), p)
	}
	return all
}

func (r *rig) ago(seconds float64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(r.now.Add(-time.Duration(seconds * float64(time.Second))))
}

func (r *rig) point(into pmetric.NumberDataPoint, p point) {
	_ = into.Attributes().FromRaw(p.labels)
	into.Attributes().PutStr("service.name", fmt.Sprint(p.resource["service.name"]))
	if p.from > 0 {
		into.SetStartTimestamp(r.ago(p.from))
	}
	into.SetTimestamp(r.ago(p.to))
	switch v := p.value.(type) {
	case int:
		into.SetIntValue(int64(v))
	case float64:
		into.SetDoubleValue(v)
	}
}

// counted is a counter of the processor's own, by its attribute's value.
func (r *rig) counted(name string) map[string]int64 {
	r.t.Helper()
	counts := map[string]int64{}
	found, err := r.telemetry.GetMetric(name)
	if err != nil {
		return counts
	}
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

func of(service string, more ...string) map[string]any {
	resource := map[string]any{"service.name": service}
	for i := 0; i+1 < len(more); i += 2 {
		resource[more[i]] = more[i+1]
	}
	return resource
}
