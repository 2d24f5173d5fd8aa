package sender

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"otelgate/collector/sender/internal/metadata"
)

// NewFactory makes the processor `sender`, for metrics. It has no settings.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		func() component.Config { return &struct{}{} },
		processor.WithMetrics(func(ctx context.Context, set processor.Settings, cfg component.Config,
			next consumer.Metrics,
		) (processor.Metrics, error) {
			return processorhelper.NewMetrics(ctx, set, cfg, next, mark,
				processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
		}, metadata.MetricsStability),
	)
}
