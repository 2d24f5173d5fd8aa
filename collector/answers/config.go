package answers

import (
	"errors"
	"fmt"
)

// Config of the extension.
type Config struct {
	// MaxMessageMiB is the largest request, decompressed; the receiver has to take more, so that this one may refuse.
	MaxMessageMiB int64 `mapstructure:"max_message_mib"`
	// MemoryLimitMiB is OTELGATE_MEMORY_LIMIT_MIB where MaxMessageMiB follows from it, or 0.
	MemoryLimitMiB int64 `mapstructure:"memory_limit_mib"`
}

// Validate the configuration.
func (c *Config) Validate() error {
	if c.MaxMessageMiB < 1 {
		return errors.New("`max_message_mib` must be positive")
	}
	return nil
}

// largest is the largest request, and the setting to which it is due.
func (c *Config) largest() string {
	if c.MemoryLimitMiB > 0 {
		return fmt.Sprintf("%d MiB, for more of which OTELGATE_MEMORY_LIMIT_MIB=%d has no room", c.MaxMessageMiB, c.MemoryLimitMiB)
	}
	return fmt.Sprintf("OTELGATE_MAX_MESSAGE_MIB=%d MiB", c.MaxMessageMiB)
}
