package otlpgrpc

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/exporter"

	"otelgate/collector/stores/otlphttp"
)

func TestAcceptsUpstreamConfiguration(t *testing.T) {
	for title, yaml := range map[string]string{
		"as it is":       "endpoint: 127.0.0.1:1",
		"without queue":  "endpoint: 127.0.0.1:1\nsending_queue: {enabled: false}",
		"a second queue": "endpoint: 127.0.0.1:1\nsending_queue: {queue_size: 5}\nrefused: {rejects: rejects, piece_bytes: 1000}",
		"its own parts":  "endpoint: 127.0.0.1:1\ntls: {insecure: true}\nbalancer_name: round_robin\nretry_on_failure: {enabled: false}\ntimeout: 3s",
	} {
		t.Run(title, func(t *testing.T) {
			for name, factory := range map[string]exporter.Factory{"otlp_grpc": NewFactory(), "otlp": NewFactory()} {
				raw, err := confmap.NewRetrievedFromYAML([]byte(yaml))
				require.NoError(t, err)
				conf, err := raw.AsConf()
				require.NoError(t, err)
				cfg := factory.CreateDefaultConfig()
				require.NoError(t, conf.Unmarshal(cfg))
				require.NoError(t, xconfmap.Validate(cfg))
				set := exporter.Settings{ID: component.NewIDWithName(component.MustNewType(name), "mine"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
				for _, create := range []func() error{
					func() error { _, err := factory.CreateTraces(context.Background(), set, cfg); return err },
					func() error { _, err := factory.CreateLogs(context.Background(), set, cfg); return err },
					func() error { _, err := factory.CreateMetrics(context.Background(), set, cfg); return err },
				} {
					require.NoError(t, create())
				}
			}
		})
	}
}

func TestReportsFaultsOfUpstreamConfiguration(t *testing.T) {
	for _, factory := range []exporter.Factory{NewFactory(), otlphttp.NewFactory()} {
		require.ErrorContains(t, xconfmap.Validate(factory.CreateDefaultConfig()), "endpoint")
	}
}
