package labelguard

import (
	"slices"

	"otelgate/collector/fault"
)

// Config of the processor. The labels that Identity names are taken away in any case but Keep.
type Config struct {
	// Labels to take away besides, by their exact names.
	Labels []string `mapstructure:"labels"`
	// Keep names labels that only look like an identity.
	Keep []string `mapstructure:"keep"`
}

// Validate checks the names.
func (c *Config) Validate() error {
	var faults fault.List
	for _, name := range c.Labels {
		faults.Unless(name != "", "labels", name, "the name of a label")
		faults.Unless(!slices.Contains(c.Keep, name), "keep", name, "a label that is not listed in labels")
	}
	faults.Unless(!slices.Contains(c.Keep, ""), "keep", "", "the name of a label")
	return faults.Err()
}
