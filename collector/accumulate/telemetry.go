package accumulate

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"otelgate/collector/accumulate/internal/metadata"
	"otelgate/collector/intake"
)

// telemetry is what the processor says of itself.
type telemetry struct{ *metadata.TelemetryBuilder }

func (a *accumulator) observe(set component.TelemetrySettings) (*telemetry, error) {
	t, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	return &telemetry{t}, t.RegisterSeriesCallback(func(_ context.Context, o otelmetric.Int64Observer) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		o.Observe(int64(len(a.sources)), kind("sender"))
		o.Observe(int64(len(a.series)), kind("series"))
		return nil
	})
}

func kind(of string) otelmetric.MeasurementOption {
	return otelmetric.WithAttributes(attribute.String("otelgate.accumulate.kind", of))
}

func (t *telemetry) forgot(senders, series int64) {
	t.Expired.Add(context.Background(), senders, kind("sender"))
	t.Expired.Add(context.Background(), series, kind("series"))
}

// ordinary reasons happen where nothing is wrong.
var ordinary = map[string]bool{isResent: true, late: true, isDerived: true}

// tell counts what became of points, logs each reason once, and lets the sender know what was dropped.
func (a *accumulator) tell(ctx context.Context, counts map[string]int64) {
	for reason, count := range counts {
		if reason == "" {
			a.telemetry.Points.Add(ctx, count)
			continue
		}
		why := attribute.String("otelgate.accumulate.reason", reason)
		a.telemetry.Dropped.Add(ctx, count, otelmetric.WithAttributes(why))
		if ordinary[reason] {
			continue
		}
		intake.Refuse(ctx, count, reason)
		if !a.warned[reason] {
			a.warned[reason] = true
			a.logger.Warn("points of applications' metrics are dropped; this is logged once for each reason, "+
				"otelgate.accumulate.dropped counts them", zap.String("reason", reason))
		}
	}
}
