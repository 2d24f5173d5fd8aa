package labelguard

import (
	"errors"
	"fmt"
	"slices"
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
	var faults []error
	for _, name := range c.Labels {
		if name == "" {
			faults = append(faults, errors.New("labels='': expected the name of a label"))
		}
		if slices.Contains(c.Keep, name) {
			faults = append(faults, fmt.Errorf("keep='%s': is listed in both labels and keep", name))
		}
	}
	if slices.Contains(c.Keep, "") {
		faults = append(faults, errors.New("keep='': expected the name of a label"))
	}
	return errors.Join(faults...)
}
