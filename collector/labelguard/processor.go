package labelguard

import (
	"context"
	"slices"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"otelgate/collector/labelguard/internal/metadata"
	"otelgate/collector/sender"
)

// maxNames bounds what is remembered, logged and counted by name; applications choose the names.
const maxNames = 1000

type guard struct {
	config *Config
	logger *zap.Logger

	mu    sync.Mutex
	names map[string]bool // label name → removed

	telemetry *metadata.TelemetryBuilder
}

func newGuard(cfg *Config, settings component.TelemetrySettings) (*guard, error) {
	builder, err := metadata.NewTelemetryBuilder(settings)
	return &guard{config: cfg, logger: settings.Logger, names: map[string]bool{}, telemetry: builder}, err
}

func (g *guard) process(ctx context.Context, metrics pmetric.Metrics) (pmetric.Metrics, error) {
	for _, resource := range metrics.ResourceMetrics().All() {
		g.strip(ctx, resource.Resource().Attributes())
		for _, scope := range resource.ScopeMetrics().All() {
			g.strip(ctx, scope.Scope().Attributes())
			for _, m := range scope.Metrics().All() {
				g.metric(ctx, m)
			}
		}
	}
	return metrics, nil
}

// metric cleans one. Points that add up have a mark of their senders, which keeps them apart.
func (g *guard) metric(ctx context.Context, m pmetric.Metric) {
	merged := 0
	switch m.Type() {
	case pmetric.MetricTypeGauge: // of several readings that now are one series, the latest
		merged = clean(ctx, g, m.Gauge().DataPoints(), true, latest, pmetric.NumberDataPoint.Exemplars)
	case pmetric.MetricTypeSum:
		merged = clean(ctx, g, m.Sum().DataPoints(), !sender.Accumulates(m), addNumbers, pmetric.NumberDataPoint.Exemplars)
	case pmetric.MetricTypeHistogram:
		clean(ctx, g, m.Histogram().DataPoints(), false, nil, pmetric.HistogramDataPoint.Exemplars)
	case pmetric.MetricTypeExponentialHistogram:
		clean(ctx, g, m.ExponentialHistogram().DataPoints(), false, nil, pmetric.ExponentialHistogramDataPoint.Exemplars)
	case pmetric.MetricTypeSummary:
		merged = clean(ctx, g, m.Summary().DataPoints(), true, addSummaries, nil)
	}
	if merged > 0 {
		g.telemetry.Merged.Add(ctx, int64(merged))
	}
}

// points is what the slices of all kinds of points have in common.
type points[P any] interface {
	Len() int
	At(int) P
	RemoveIf(func(P) bool)
}

// clean takes the labels away and adds up the points that then have the same; stores refuse two
// samples of one series at one time. `readings` have no mark of their senders: `redact`, too, may have made some the
// same, by masking a label or taking it away. Those of different times may be one series' all along, and stay.
func clean[P interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
}](ctx context.Context, g *guard, of points[P], readings bool, add func(into, from P),
	exemplars func(P) pmetric.ExemplarSlice,
) (merged int) {
	removed := false
	for i := range of.Len() {
		point := of.At(i)
		removed = g.strip(ctx, point.Attributes()) || removed
		if exemplars != nil {
			for _, exemplar := range exemplars(point).All() {
				g.strip(ctx, exemplar.FilteredAttributes())
			}
		}
	}
	if add == nil || of.Len() < 2 || !removed && !readings {
		return 0
	}
	type series struct {
		labels [16]byte
		at     pcommon.Timestamp
	}
	first := make(map[series]P, of.Len())
	of.RemoveIf(func(point P) bool {
		key := series{labels: pdatautil.MapHash(point.Attributes())}
		if !removed {
			key.at = point.Timestamp()
		}
		into, ok := first[key]
		if !ok {
			first[key] = point
			return false
		}
		add(into, point)
		if exemplars != nil {
			exemplars(point).MoveAndAppendTo(exemplars(into))
		}
		merged++
		return true
	})
	return merged
}

// strip takes labels away and says whether there were any.
func (g *guard) strip(ctx context.Context, attributes pcommon.Map) (removed bool) {
	attributes.RemoveIf(func(name string, _ pcommon.Value) bool {
		if !g.forbids(name) {
			return false
		}
		removed = true
		g.telemetry.Removed.Add(ctx, 1, metric.WithAttributes(attribute.String("otelgate.labelguard.label", g.shown(name))))
		return true
	})
	return removed
}

func (g *guard) forbids(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	forbidden, known := g.names[name]
	if known {
		return forbidden
	}
	forbidden = !slices.Contains(g.config.Keep, name) && (Identity(name) || slices.Contains(g.config.Labels, name))
	if len(g.names) < maxNames {
		g.names[name] = forbidden
		if forbidden {
			g.logger.Warn("a label of applications' metrics is removed: users, sessions and conversations are never "+
				"labels; ask the audit database, or list it under `keep` if it identifies none of these", zap.String("label", name))
		}
	}
	return forbidden
}

// shown is the name to count under.
func (g *guard) shown(name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.names[name]; known {
		return name
	}
	return "_OTHER"
}
