package rejects

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
)

// Config of the extension.
type Config struct {
	// Directory of rejects.jsonl, and of rejects.jsonl.1, which it becomes when it is full.
	Directory string `mapstructure:"directory"`
	// MaxBytes are the most that both take.
	MaxBytes int64 `mapstructure:"max_bytes"`
}

// leastBytes hold a line of each file.
const leastBytes = 4096

func defaultConfig() component.Config { return &Config{MaxBytes: 16 << 20} }

// Validate the configuration.
func (c *Config) Validate() error {
	var faults []error
	if c.Directory == "" {
		faults = append(faults, errors.New("directory='': expected a folder"))
	}
	if c.MaxBytes < leastBytes {
		faults = append(faults, fmt.Errorf("max_bytes=%d: expected at least %d", c.MaxBytes, leastBytes))
	}
	return errors.Join(faults...)
}
