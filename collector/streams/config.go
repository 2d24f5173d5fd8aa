package streams

import (
	"time"

	"go.opentelemetry.io/collector/component"

	"otelgate/collector/fault"
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
	var faults fault.List
	faults.Unless(c.MaxStreams >= 1, "max_streams", c.MaxStreams, "at least 1")
	faults.Unless(c.IdleFor >= time.Minute, "idle_for", c.IdleFor, "at least 1m")
	return faults.Err()
}
