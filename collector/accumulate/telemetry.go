package accumulate

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"otelgate/collector/intake"
)

// telemetry is what the processor says of itself.
type telemetry struct {
	points, dropped, refused, flushErrors, expired otelmetric.Int64Counter
	registration                                   otelmetric.Registration
}

func (a *accumulator) observe(provider otelmetric.MeterProvider) (*telemetry, error) {
	meter := provider.Meter("otelgate/accumulate")
	t := &telemetry{}
	var err error
	counter := func(into *otelmetric.Int64Counter, name, unit, description string) {
		if err == nil {
			*into, err = meter.Int64Counter(name, otelmetric.WithUnit(unit), otelmetric.WithDescription(description))
		}
	}
	counter(&t.points, "otelgate.accumulate.points", "{point}",
		"Points of applications' counters and histograms that were accepted.")
	counter(&t.dropped, "otelgate.accumulate.dropped", "{point}",
		"Points that were not counted, by reason: resent, late, derived, limit, no_temporality, not_a_number, malformed.")
	counter(&t.refused, "otelgate.accumulate.refused", "{request}", "Requests that could not be stored. Their senders retry.")
	counter(&t.flushErrors, "otelgate.accumulate.flush.errors", "{request}",
		"Requests with totals that the next component refused. They are resent.")
	counter(&t.expired, "otelgate.accumulate.expired", "{series}",
		"Senders and series that were forgotten because they sent nothing for a long time, by kind: sender, series.")
	if err != nil {
		return nil, err
	}
	live, err := meter.Int64ObservableGauge("otelgate.accumulate.series", otelmetric.WithUnit("{series}"),
		otelmetric.WithDescription("Remembered senders and series, by kind: sender, series."))
	if err != nil {
		return nil, err
	}
	t.registration, err = meter.RegisterCallback(func(_ context.Context, o otelmetric.Observer) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		o.ObserveInt64(live, int64(len(a.sources)), kind("sender"))
		o.ObserveInt64(live, int64(len(a.series)), kind("series"))
		return nil
	}, live)
	return t, err
}

func kind(of string) otelmetric.MeasurementOption {
	return otelmetric.WithAttributes(attribute.String("otelgate.accumulate.kind", of))
}

func (t *telemetry) forgot(senders, series int64) {
	t.expired.Add(context.Background(), senders, kind("sender"))
	t.expired.Add(context.Background(), series, kind("series"))
}

func (t *telemetry) close() {
	_ = t.registration.Unregister()
}

// ordinary reasons happen where nothing is wrong.
var ordinary = map[string]bool{isResent: true, late: true, isDerived: true}

// tell counts what became of points, logs each reason once, and lets the sender know what was dropped.
func (a *accumulator) tell(ctx context.Context, counts map[string]int64) {
	for reason, count := range counts {
		if reason == "" {
			a.telemetry.points.Add(ctx, count)
			continue
		}
		why := attribute.String("otelgate.accumulate.reason", reason)
		a.telemetry.dropped.Add(ctx, count, otelmetric.WithAttributes(why))
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
