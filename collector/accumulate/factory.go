package accumulate

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"otelgate/collector/accumulate/internal/metadata"
	"otelgate/collector/derived"
)

// NewFactory makes the processor `accumulate`, for metrics.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		defaultConfig,
		processor.WithMetrics(func(_ context.Context, set processor.Settings, cfg component.Config,
			next consumer.Metrics,
		) (processor.Metrics, error) {
			return newAccumulator(set.ID, cfg.(*Config), set.TelemetrySettings, next, time.Now, derived.Process)
		}, metadata.MetricsStability),
	)
}
