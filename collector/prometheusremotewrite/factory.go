// Package prometheusremotewrite is the Collector's exporter of that name behind a queue that is bounded in bytes. Its own
// counts requests, of which one may have a sample or all series: while Prometheus is unavailable, memory would be unbounded.
// Points that Prometheus refuses permanently do not affect others.
package prometheusremotewrite

import (
	"context"

	contrib "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"otelgate/collector/fault"
	"otelgate/collector/stores"
)

// Config is the exporter's own, and the queue.
type Config struct {
	contrib.Config `mapstructure:",squash"`
	// QueueBytes may wait, as protobuf; decoded it takes some times as much. The excess is refused: `derive` and
	// `accumulate` send their totals again, and so do clients.
	QueueBytes int64 `mapstructure:"queue_bytes"`
	// Rejects is the extension that keeps a record of points that Prometheus refuses for good. Without one, a request
	// that it refuses is dropped as a whole.
	Rejects *component.ID `mapstructure:"rejects"`
}

// Validate the configuration.
func (c *Config) Validate() error {
	if c.QueueBytes < 1 {
		return fault.Of("queue_bytes", c.QueueBytes, "more than 0")
	}
	return c.Config.Validate()
}

// NewFactory makes the exporter `prometheus_remote_write`.
func NewFactory() exporter.Factory {
	inner := contrib.NewFactory()
	return exporter.NewFactory(inner.Type(),
		func() component.Config {
			own := inner.CreateDefaultConfig().(*contrib.Config)
			own.RemoteWriteQueue.Enabled = false
			return &Config{Config: *own}
		},
		exporter.WithMetrics(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
			return create(ctx, set, inner, cfg.(*Config))
		}, inner.MetricsStability()))
}

func create(ctx context.Context, set exporter.Settings, inner exporter.Factory, config *Config) (exporter.Metrics, error) {
	sends := set
	sends.TelemetrySettings = stores.Inner(set.TelemetrySettings)
	writer, err := inner.CreateMetrics(ctx, sends, &config.Config)
	if err != nil {
		return nil, err
	}
	send, start := writer.ConsumeMetrics, writer.Start
	if config.Rejects != nil {
		points := stores.NewPoints(set.ID.String(), writer.ConsumeMetrics, *config.Rejects, set.Logger)
		send = points.Send
		start = func(ctx context.Context, host component.Host) error {
			points.Start(host)
			return writer.Start(ctx, host)
		}
	}
	set.TelemetrySettings = stores.Outer(set.TelemetrySettings)
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer, queue.QueueSize, queue.NumConsumers = exporterhelper.RequestSizerTypeBytes, config.QueueBytes, 1
	queue.Batch = configoptional.None[exporterhelper.BatchConfig]()
	return exporterhelper.NewMetrics(ctx, set, config, send,
		exporterhelper.WithQueue(configoptional.Some(queue)),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}), // the writer has its own
		exporterhelper.WithCapabilities(writer.Capabilities()),
		exporterhelper.WithStart(start),
		exporterhelper.WithShutdown(writer.Shutdown))
}
