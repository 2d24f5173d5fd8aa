package rejects

import (
	"go.opentelemetry.io/collector/component"

	"otelgate/collector/fault"
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
	var faults fault.List
	faults.Unless(c.Directory != "", "directory", c.Directory, "a folder")
	faults.Unless(c.MaxBytes >= leastBytes, "max_bytes", c.MaxBytes, "at least %d", leastBytes)
	return faults.Err()
}
