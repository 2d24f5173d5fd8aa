package lifecycle

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.uber.org/zap"

	"otelgate/collector/ownmetrics"
)

// quietly lets the gateway's own telemetry fail at the end: it is sent to the gateway's own receiver, which is closed
// by then, and the Collector would take that for a failed stop, or a failed reload.
func quietly(factories func() (otelcol.Factories, error)) func() (otelcol.Factories, error) {
	return func() (otelcol.Factories, error) {
		made, err := factories()
		made.Telemetry = quietFactory{ownmetrics.Telemetry(made.Telemetry)}
		return made, err
	}
}

type quietFactory struct{ telemetry.Factory }

// CreateMeterProvider makes the provider of the gateway's own metrics.
func (f quietFactory) CreateMeterProvider(ctx context.Context, set telemetry.MeterSettings, cfg component.Config,
) (telemetry.MeterProvider, error) {
	made, err := f.Factory.CreateMeterProvider(ctx, set, cfg)
	if err != nil {
		return nil, err
	}
	return quietMeters{made, set.Logger}, nil
}

type quietMeters struct {
	telemetry.MeterProvider
	logger *zap.Logger
}

// Shutdown ends the provider.
func (m quietMeters) Shutdown(ctx context.Context) error {
	if err := m.MeterProvider.Shutdown(ctx); err != nil {
		m.logger.Debug("the last of the gateway's own metrics were not sent", zap.Error(err))
	}
	return nil
}
