package diskqueue

import (
	"context"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"otelgate/collector/diskqueue/internal/metadata"
)

// Type of the extension.
var Type = metadata.Type

// NewFactory makes the extension `disk_queue`.
func NewFactory() extension.Factory {
	return extension.NewFactory(Type, func() component.Config {
		return &Config{ReserveBytes: 64 << 20, CompactMiB: 100}
	}, create, metadata.ExtensionStability)
}

func create(ctx context.Context, set extension.Settings, raw component.Config) (extension.Extension, error) {
	cfg := raw.(*Config)
	factory := filestorage.NewFactory()
	files := factory.CreateDefaultConfig().(*filestorage.Config)
	files.Directory = cfg.Directory
	files.CreateDirectory = true
	files.FSync = cfg.FSync
	files.Recreate = true // what our own check lets pass, and still panics
	files.Compaction.Directory = cfg.Directory
	files.Compaction.OnRebound = true // a queue that grew during an outage gives its disk space back
	files.Compaction.CleanupOnStart = true
	files.Compaction.ReboundNeededThresholdMiB = cfg.CompactMiB
	files.Compaction.ReboundTriggerThresholdMiB = min(10, max(1, cfg.CompactMiB/4))
	if err := files.Validate(); err != nil {
		return nil, err
	}
	set.ID = component.NewID(factory.Type())
	next, err := factory.Create(ctx, set, files)
	if err != nil {
		return nil, err
	}
	return newQueues(cfg, set.TelemetrySettings, next.(storage.Extension))
}
