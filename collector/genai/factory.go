package genai

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"otelgate/collector/genai/internal/metadata"
	"otelgate/collector/pricing"
)

// NewFactory makes the processor's factory.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithTraces(createTraces, metadata.TracesStability),
		processor.WithLogs(createLogs, metadata.LogsStability))
}

func createTraces(_ context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	own := config.(*Config)
	t, _, err := loadTables(own)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	prices, err := pricing.Open(pricing.Options{OverrideFile: own.PricesFile, Telemetry: set.TelemetrySettings})
	if err != nil {
		return nil, err
	}
	p := newTracesProcessor(own, t, prices, m, next)
	p.stop = func(context.Context) error { return prices.Close() }
	return p, nil
}

func createLogs(_ context.Context, set processor.Settings, config component.Config, next consumer.Logs) (processor.Logs, error) {
	own := config.(*Config)
	_, forLogs, err := loadTables(own)
	if err != nil {
		return nil, err
	}
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return newLogsProcessor(own, forLogs, newRefusedMetric(builder), next), nil
}

// loadTables reads the mapping for spans and its part for log records.
func loadTables(config *Config) (spans, logs *table, err error) {
	read, err := loadMapping(config.MappingFile)
	if err != nil {
		return nil, nil, err
	}
	if spans, err = compile(read); err != nil {
		return nil, nil, err
	}
	part, err := read.forLogs()
	if err != nil {
		return nil, nil, err
	}
	logs, err = compile(part)
	return spans, logs, err
}
