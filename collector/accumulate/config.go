package accumulate

import (
	"path"
	"time"

	"go.opentelemetry.io/collector/component"

	"otelgate/collector/fault"
	"otelgate/collector/resent"
)

// Config of the processor.
type Config struct {
	// InstanceID is used as service.instance.id if senders have none: their sum is a series of this gateway's, so
	// that the sum over gateways is right.
	InstanceID string `mapstructure:"instance_id"`
	// Storage keeps what was counted over restarts. Without it, that is in memory only.
	Storage *component.ID `mapstructure:"storage"`
	// Derived names metrics that the gateway may derive from spans, `*` for any part of a name. They are held for Settle,
	// and dropped if the gateway has derived the same of that service by then.
	Derived []string `mapstructure:"derived"`
	// Settle is how long a series waits that begins with what older counters had counted before, for others like them.
	Settle time.Duration `mapstructure:"settle"`
	// FlushInterval is how often series that changed are written.
	FlushInterval time.Duration `mapstructure:"flush_interval"`
	// RefreshInterval is how often a series of deltas is written while nothing adds to it, until QuietFor has passed:
	// its senders send nothing then, and stores take a series without samples for gone. Cumulative senders repeat.
	RefreshInterval time.Duration `mapstructure:"refresh_interval"`
	QuietFor        time.Duration `mapstructure:"quiet_for"`
	// KeepFor is how long senders and totals are remembered that nothing is heard of.
	KeepFor time.Duration `mapstructure:"keep_for"`
	// MaxSenders and MaxSeries bound what is remembered.
	MaxSenders int `mapstructure:"max_senders"`
	MaxSeries  int `mapstructure:"max_series"`
	// Resent bounds the memory of requests that were counted, by which one that is sent again is known whole.
	Resent resent.Config `mapstructure:"resent"`
}

func defaultConfig() component.Config {
	return &Config{
		Settle:          3 * time.Second,
		FlushInterval:   time.Second,
		RefreshInterval: 15 * time.Second,
		QuietFor:        time.Hour,
		KeepFor:         7 * 24 * time.Hour,
		MaxSenders:      100_000,
		MaxSeries:       50_000,
		Resent:          resent.Config{For: 10 * time.Minute, Max: 100_000}, // 3 MB
	}
}

// Validate checks the values.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.InstanceID != "", "instance_id", c.InstanceID, "a name that stays the same over restarts")
	for _, pattern := range c.Derived {
		_, err := path.Match(pattern, "")
		faults.Unless(err == nil && pattern != "", "derived", pattern, "a metric's name, with * for any part of it")
	}
	atLeast := func(name string, value, least time.Duration) {
		faults.Unless(value >= least, name, value, "at least %s", least)
	}
	atLeast("settle", c.Settle, 0)
	atLeast("flush_interval", c.FlushInterval, 10*time.Millisecond)
	atLeast("refresh_interval", c.RefreshInterval, c.FlushInterval)
	atLeast("quiet_for", c.QuietFor, c.RefreshInterval)
	atLeast("keep_for", c.KeepFor, c.QuietFor)
	faults.Unless(c.MaxSenders >= 1, "max_senders", c.MaxSenders, "at least 1")
	faults.Unless(c.MaxSeries >= 1, "max_series", c.MaxSeries, "at least 1")
	faults.Add(c.Resent.Fault())
	return faults.Err()
}

func (c *Config) mayDerive(metric string) bool {
	for _, pattern := range c.Derived {
		if matched, _ := path.Match(pattern, metric); matched {
			return true
		}
	}
	return false
}
