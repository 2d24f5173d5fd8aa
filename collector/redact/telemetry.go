package redact

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/redact/internal/metadata"
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
	*metadata.TelemetryBuilder
	byField []metric.AddOption
	byRule  []metric.AddOption
}

func newTelemetry(set component.TelemetrySettings, rules []string) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: builder}
	for _, name := range fieldNames {
		t.byField = append(t.byField, metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.redact.field", name))))
	}
	for _, name := range rules {
		t.byRule = append(t.byRule, metric.WithAttributeSet(attribute.NewSet(attribute.String("otelgate.redact.rule", name))))
	}
	return t, nil
}

func (t *telemetry) report(ctx context.Context, p *pass) {
	for f, n := range p.removed {
		if n > 0 {
			t.Removed.Add(ctx, n, t.byField[f])
		}
	}
	for rule, n := range p.masked {
		if n > 0 {
			t.Masked.Add(ctx, n, t.byRule[rule])
		}
	}
}
