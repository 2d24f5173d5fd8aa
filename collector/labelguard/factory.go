package labelguard

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"otelgate/collector/labelguard/internal/metadata"
)

// NewFactory makes the processor `label_guard`, for metrics.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{Keep: []string{"db.user"}} },
		processor.WithMetrics(func(ctx context.Context, set processor.Settings, cfg component.Config,
			next consumer.Metrics,
		) (processor.Metrics, error) {
			g, err := newGuard(cfg.(*Config), set.TelemetrySettings)
			if err != nil {
				return nil, err
			}
			return processorhelper.NewMetrics(ctx, set, cfg, next, g.process,
				processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
		}, metadata.MetricsStability),
	)
}
