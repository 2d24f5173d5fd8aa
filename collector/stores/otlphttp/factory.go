// Package otlphttp is the Collector's exporter otlp_http with the second queue of package stores.
package otlphttp

import (
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"

	"otelgate/collector/stores"
)

// NewFactory makes the exporter `otlp_http`.
func NewFactory() exporter.Factory {
	return stores.Wrap(otlphttpexporter.NewFactory(), func(c *otlphttpexporter.Config) (*stores.QueueConfig, *configretry.BackOffConfig) {
		return &c.QueueConfig, &c.RetryConfig
	})
}
