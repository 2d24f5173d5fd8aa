// Package otlpgrpc is the Collector's exporter otlp_grpc with the second queue of package stores.
package otlpgrpc

import (
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"

	"otelgate/collector/stores"
)

// NewFactory makes the exporter `otlp_grpc`.
func NewFactory() exporter.Factory {
	return stores.Wrap(otlpexporter.NewFactory(), func(c *otlpexporter.Config) (*stores.QueueConfig, *configretry.BackOffConfig) {
		return &c.QueueConfig, &c.RetryConfig
	})
}
