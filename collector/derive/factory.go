package derive

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	upstream "go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"otelgate/collector/derive/internal/metadata"
)

// NewFactory makes the connector `derive`: traces to metrics and logs to metrics.
func NewFactory() upstream.Factory {
	return upstream.NewFactory(
		metadata.Type,
		defaultConfig,
		upstream.WithTracesToMetrics(func(_ context.Context, set upstream.Settings, cfg component.Config,
			next consumer.Metrics,
		) (upstream.Traces, error) {
			return newConnector(cfg.(*Config), ofSpan, next, set.TelemetrySettings, time.Now)
		}, metadata.TracesToMetricsStability),
		upstream.WithLogsToMetrics(func(_ context.Context, set upstream.Settings, cfg component.Config,
			next consumer.Metrics,
		) (upstream.Logs, error) {
			return newConnector(cfg.(*Config), ofEvent, next, set.TelemetrySettings, time.Now)
		}, metadata.LogsToMetricsStability),
	)
}
