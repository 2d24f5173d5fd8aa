package labelguard

import (
	"errors"
	"fmt"
	"path"
	"slices"
)

// Config of the processor. The labels that Identity names are taken away in any case but Keep.
type Config struct {
	// Labels to take away besides, by their exact names.
	Labels []string `mapstructure:"labels"`
	// Keep names labels that only look like an identity.
	Keep []string `mapstructure:"keep"`
	// DropMetrics names metrics to drop, `*` for any part of a name: those that the gateway derives
	// from spans, so that totals don't double.
	DropMetrics []string `mapstructure:"drop_metrics"`
}

// Validate checks the names.
func (c *Config) Validate() error {
	var faults []error
	for _, name := range c.Labels {
		if name == "" {
			faults = append(faults, errors.New("labels='': expected the name of a label"))
		}
		if slices.Contains(c.Keep, name) {
			faults = append(faults, fmt.Errorf("keep='%s': is in labels too", name))
		}
	}
	if slices.Contains(c.Keep, "") {
		faults = append(faults, errors.New("keep='': expected the name of a label"))
	}
	for _, pattern := range c.DropMetrics {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			faults = append(faults, fmt.Errorf("drop_metrics='%s': expected a metric's name, with * for any part of it", pattern))
		}
	}
	return errors.Join(faults...)
}
