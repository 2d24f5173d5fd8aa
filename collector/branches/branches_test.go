package branches

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestAPipelineWithoutReceiversIsNotThere(t *testing.T) {
	conf := confmap.NewFromStringMap(map[string]any{"service": map[string]any{
		"extensions": []any{"file_storage"},
		"pipelines": map[string]any{
			"traces":        map[string]any{"receivers": []any{"otlp"}, "exporters": []any{"forward"}},
			"traces/audit":  map[string]any{"receivers": []any{}, "exporters": []any{"otlp_grpc/audit"}},
			"logs/mistaken": map[string]any{"exporters": []any{"otlp_grpc/audit"}},
			"logs/nothing":  nil,
		},
	}})
	require.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(context.Background(), conf))
	require.Equal(t, map[string]any{"service": map[string]any{
		"extensions": []any{"file_storage"},
		"pipelines": map[string]any{
			"traces":        map[string]any{"receivers": []any{"otlp"}, "exporters": []any{"forward"}},
			"logs/mistaken": map[string]any{"exporters": []any{"otlp_grpc/audit"}},
			"logs/nothing":  nil,
		},
	}}, conf.ToStringMap())
}

func TestNoServiceSection(t *testing.T) {
	conf := confmap.NewFromStringMap(map[string]any{"receivers": map[string]any{"otlp": nil}})
	require.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(context.Background(), conf))
	require.Equal(t, map[string]any{"receivers": map[string]any{"otlp": nil}}, conf.ToStringMap())
}
