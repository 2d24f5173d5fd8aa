// Package branches lets a setting take a pipeline out: one whose list of receivers is empty isn't there, instead of
// stopping the start. It is a confmap converter, since a merged configuration can't leave a pipeline out otherwise.
package branches

import (
	"context"

	"go.opentelemetry.io/collector/confmap"
)

type converter struct{}

// NewFactory makes the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

// Convert removes the pipelines that say `receivers: []`. One that says nothing of receivers is a mistake, and stays
// for the Collector to name.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	service, _ := conf.ToStringMap()["service"].(map[string]any)
	pipelines, _ := service["pipelines"].(map[string]any)
	for name, pipeline := range pipelines {
		parts, _ := pipeline.(map[string]any)
		if receivers, ok := parts["receivers"].([]any); ok && len(receivers) == 0 {
			conf.Delete("service::pipelines::" + name)
		}
	}
	return nil
}
