package answers

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"otelgate/collector/answers/internal/metadata"
	"otelgate/collector/wire"
)

// NewFactory makes the extension `answers`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config {
		return &Config{Limit: wire.Limit{MaxMessageMiB: 16}}
	}, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &middleware{cfg: cfg.(*Config), telemetry: builder, logger: set.Logger}, nil
}

type middleware struct {
	cfg       *Config
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
}

func (*middleware) Start(context.Context, component.Host) error { return nil }

func (*middleware) Shutdown(context.Context) error { return nil }

var overHTTP, overGRPC = by("http"), by("grpc")

func by(transport string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		attribute.String("action", "refused"), attribute.String("reason", "size"), attribute.String("transport", transport)))
}

func (m *middleware) tooLarge(ctx context.Context, transport metric.MeasurementOption) {
	m.telemetry.Requests.Add(ctx, 1, transport)
	m.logger.Warn("refused a request that is too large", zap.String("largest", m.cfg.String()))
}
