package ownmetrics

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtelemetry"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	otelconf "go.opentelemetry.io/contrib/otelconf/v0.3.0"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// current is the registry of the process's telemetry. A Collector gives its extensions nothing of its telemetry but a meter.
var current atomic.Pointer[prometheus.Registry]

// gather reads all metrics. Before there is any telemetry, there are none.
func gather() ([]*dto.MetricFamily, error) {
	if registry := current.Load(); registry != nil {
		return registry.Gather()
	}
	return nil, nil
}

// Telemetry makes the telemetry of `made` with one reader more, for the extension.
func Telemetry(made telemetry.Factory) telemetry.Factory {
	return factory{made}
}

type factory struct{ telemetry.Factory }

// CreateMeterProvider makes what otelconftelemetry makes of the same configuration, which takes no reader from a program.
func (f factory) CreateMeterProvider(ctx context.Context, set telemetry.MeterSettings, cfg component.Config,
) (telemetry.MeterProvider, error) {
	config := cfg.(*otelconftelemetry.Config)
	if config.Metrics.Level == configtelemetry.LevelNone {
		return f.Factory.CreateMeterProvider(ctx, set, cfg)
	}
	registry := prometheus.NewRegistry()
	// The names that the Collector's own reader gives by default.
	reader, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo(),
		otelprom.WithTranslationStrategy(otlptranslator.NoTranslation))
	if err != nil {
		return nil, err
	}
	provider := config.Metrics.MeterProvider
	if provider.Views == nil && set.DefaultViews != nil {
		provider.Views = set.DefaultViews(config.Metrics.Level)
	}
	sdk, err := otelconf.NewSDK(
		otelconf.WithContext(ctx),
		otelconf.WithOpenTelemetryConfiguration(otelconf.OpenTelemetryConfiguration{
			Resource:      &otelconf.Resource{SchemaUrl: config.Resource.SchemaUrl, Attributes: attributes(set.Resource)},
			MeterProvider: &provider,
		}),
		otelconf.WithMeterProviderOptions(sdkmetric.WithReader(reader)),
	)
	if err != nil {
		return nil, err
	}
	current.Store(registry)
	return sdk.MeterProvider().(telemetry.MeterProvider), nil
}

func attributes(resource *pcommon.Resource) []otelconf.AttributeNameValue {
	var out []otelconf.AttributeNameValue
	for name, value := range resource.Attributes().All() {
		out = append(out, otelconf.AttributeNameValue{Name: name, Value: value.AsRaw()})
	}
	return out
}
