package derive

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"
)

// telemetry is what the connector says of itself, read off its counters when the gateway's own metrics
// are collected: nothing of it is paid for by a span.
type telemetry struct {
	registration otelmetric.Registration
}

type instruments struct {
	live                                             otelmetric.Int64ObservableGauge
	overflow, expired, invalid, again, evicted, lost otelmetric.Int64ObservableCounter
	refused, damaged, unfit                          otelmetric.Int64ObservableCounter
}

func (c *connector) observe(provider otelmetric.MeterProvider, signal string) (*telemetry, error) {
	meter := provider.Meter(scopeName)
	var in instruments
	var err error
	counter := func(into *otelmetric.Int64ObservableCounter, name, unit, description string) {
		if err == nil {
			*into, err = meter.Int64ObservableCounter(name, otelmetric.WithUnit(unit), otelmetric.WithDescription(description))
		}
	}
	in.live, err = meter.Int64ObservableGauge("otelgate.derive.series", otelmetric.WithUnit("{series}"),
		otelmetric.WithDescription("Series that a derived metric holds."))
	counter(&in.overflow, "otelgate.derive.overflow", "{measurement}",
		"Measurements that went to the overflow series, because the metric has reached its limit of series.")
	counter(&in.expired, "otelgate.derive.expired", "{series}", "Series that ended because nothing was added to them.")
	counter(&in.invalid, "otelgate.derive.invalid", "{measurement}",
		"Invalid values: not a number, or negative.")
	counter(&in.again, "otelgate.derive.resent", "{record}", "Resent spans and events, which were not counted again.")
	counter(&in.evicted, "otelgate.derive.resent.evicted", "{record}",
		"Spans and events evicted early from the memory of counted ones. If they are resent, they count twice.")
	counter(&in.lost, "otelgate.derive.flush.errors", "{request}",
		"Requests with derived metrics that the next component refused. Their series are resent.")
	counter(&in.refused, "otelgate.derive.journal.refused", "{request}",
		"Requests refused because the journal of derived metrics could not be written. They were not counted.")
	counter(&in.damaged, "otelgate.derive.journal.damaged", "{file}",
		"Journal files that were damaged at the start of the gateway, and set aside.")
	counter(&in.unfit, "otelgate.derive.journal.dropped", "{series}",
		"Series of the last run that restart from zero, because their metric's buckets or labels changed.")
	if err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o otelmetric.Observer) error {
		c.report(o, &in, signal)
		return nil
	}, in.live, in.overflow, in.expired, in.invalid, in.again, in.evicted, in.lost,
		in.refused, in.damaged, in.unfit)
	return &telemetry{registration}, err
}

func (c *connector) report(o otelmetric.Observer, in *instruments, signal string) {
	for _, m := range c.plan.metrics {
		name := otelmetric.WithAttributes(attribute.String("otelgate.derive.metric", m.name))
		o.ObserveInt64(in.live, m.series.Live(), name)
		o.ObserveInt64(in.overflow, m.series.overflowed.Load(), name)
		o.ObserveInt64(in.expired, m.series.expired.Load(), name)
		o.ObserveInt64(in.invalid, m.series.invalid.Load(), name)
	}
	of := otelmetric.WithAttributes(attribute.String("otelgate.derive.signal", signal))
	o.ObserveInt64(in.again, c.again.Load(), of)
	o.ObserveInt64(in.evicted, c.resent.Evicted.Load(), of)
	o.ObserveInt64(in.lost, c.flushErrors.Load(), of)
	o.ObserveInt64(in.refused, c.refused.Load(), of)
	o.ObserveInt64(in.unfit, c.unfit.Load(), of)
	if c.journal != nil {
		o.ObserveInt64(in.damaged, c.journal.damaged.Load(), of)
	}
}

func (t *telemetry) close() error {
	return t.registration.Unregister()
}
