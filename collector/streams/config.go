package streams

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config of the processor.
type Config struct {
	// MaxStreams is how many may be in use, of all applications.
	MaxStreams int `mapstructure:"max_streams"`
	// IdleFor is how long a stream is in use after its last line.
	IdleFor time.Duration `mapstructure:"idle_for"`
}

func defaultConfig() component.Config { return &Config{MaxStreams: 2000, IdleFor: time.Hour} }

// Validate the configuration.
func (c *Config) Validate() error {
	var faults []error
	if c.MaxStreams < 1 {
		faults = append(faults, fmt.Errorf("max_streams=%d: expected at least 1", c.MaxStreams))
	}
	if c.IdleFor < time.Minute {
		faults = append(faults, fmt.Errorf("idle_for=%s: expected at least 1m", c.IdleFor))
	}
	return errors.Join(faults...)
}
