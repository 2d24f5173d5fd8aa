package answers

import "errors"

// Config of the extension.
type Config struct {
	// MaxMessageMiB is the largest request, decompressed; the receiver has to take more, so that this one may refuse.
	MaxMessageMiB int64 `mapstructure:"max_message_mib"`
}

// Validate the configuration.
func (c *Config) Validate() error {
	if c.MaxMessageMiB < 1 {
		return errors.New("`max_message_mib` must be positive")
	}
	return nil
}
