package redact

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// field is where something was removed, as the counter tells it.
type field uint8

const (
	fieldAttribute field = iota
	fieldBody
	fieldName
	fieldStatus
	fieldException
	fieldTraceState
	fieldSchemaURL
	fieldSeverity
	fieldMetric
	fieldExemplar
	fieldEntity
	fieldCount
)

var fieldNames = [fieldCount]string{
	"attribute", "body", "name", "status", "exception", "trace_state", "schema_url", "severity", "metric", "exemplar", "entity",
}

// telemetry holds the processor's two counters, with the sets of attributes made beforehand.
type telemetry struct {
	removed metric.Int64Counter
	masked  metric.Int64Counter
	byField []metric.AddOption
	byRule  []metric.AddOption
}

func newTelemetry(set component.TelemetrySettings, rules []string) (*telemetry, error) {
	meter := set.MeterProvider.Meter("otelgate/redact")
	removed, err := meter.Int64Counter("otelgate.redact.removed", metric.WithUnit("{field}"),
		metric.WithDescription("Fields removed or cut because message content is not allowed."))
	masked, err2 := meter.Int64Counter("otelgate.redact.masked", metric.WithUnit("{match}"),
		metric.WithDescription("Matches of a masking rule."))
	t := &telemetry{removed: removed, masked: masked}
	for _, name := range fieldNames {
		t.byField = append(t.byField, metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.redact.field", name))))
	}
	for _, name := range rules {
		t.byRule = append(t.byRule, metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.redact.rule", name))))
	}
	return t, errors.Join(err, err2)
}

func (t *telemetry) report(ctx context.Context, p *pass) {
	for f, n := range p.removed {
		if n > 0 {
			t.removed.Add(ctx, n, t.byField[f])
		}
	}
	for rule, n := range p.masked {
		if n > 0 {
			t.masked.Add(ctx, n, t.byRule[rule])
		}
	}
}
