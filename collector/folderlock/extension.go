package folderlock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"otelgate/collector/fault"
	"otelgate/collector/folderlock/internal/metadata"
)

// fileName of the lock. It stays when the gateway ends, the lock does not, however the gateway ends.
const fileName = "lock"

// setting is the one that names the folder.
const setting = "OTELGATE_DATA_DIR"

// errHeld is what flock says of a file that another process holds.
var errHeld = errors.New("held by another process")

// Config of the extension.
type Config struct {
	// Directory to hold; made if it is not there.
	Directory string `mapstructure:"directory"`
}

// Validate checks what can be checked without looking at the disk.
func (c *Config) Validate() error {
	if c.Directory == "" {
		return fault.Of("directory", c.Directory, "a folder")
	}
	return nil
}

// NewFactory makes the extension `folder_lock`.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{} },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return &holder{directory: cfg.(*Config).Directory, logger: set.Logger}, nil
		},
		metadata.ExtensionStability,
	)
}

type holder struct {
	directory string
	logger    *zap.Logger
	file      *os.File
}

// Start takes the lock, or says who has it.
func (h *holder) Start(context.Context, component.Host) error {
	if err := os.MkdirAll(h.directory, 0o750); err != nil {
		return fault.Of(setting, h.directory, "a folder that the gateway can write: %w", err)
	}
	path := filepath.Join(h.directory, fileName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.Of(setting, h.directory, "a folder that the gateway can write: %w", err)
	}
	switch err := lock(file); {
	case errors.Is(err, errHeld):
		owner, _ := os.ReadFile(path)
		_ = file.Close()
		return fault.Of(setting, h.directory, "a folder that no other gateway uses, process %s does", strings.TrimSpace(string(owner)))
	case err != nil:
		h.logger.Warn("the file system has no locks: nothing keeps a second gateway out of this folder",
			zap.String("folder", h.directory), zap.Error(err))
	}
	h.file = file
	// Only to tell a person who it is; a full disk is no reason not to start.
	_ = file.Truncate(0)
	_, _ = file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return nil
}

// Shutdown gives the lock back.
func (h *holder) Shutdown(context.Context) error {
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}
