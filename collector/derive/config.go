package derive

import (
	"path"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"otelgate/collector/fault"
	"otelgate/collector/resent"
)

// Config of the connector.
type Config struct {
	// InstanceID becomes service.instance.id of all metrics. It tells gateways apart, so that the sum
	// over them is right, and must outlive restarts: a new one makes new series.
	InstanceID string `mapstructure:"instance_id"`
	// MetricsFile adds to and replaces entries of the shipped list.
	MetricsFile string `mapstructure:"metrics_file"`
	// Exclude names metrics not to derive, `*` for any part: what applications emit themselves.
	Exclude []string `mapstructure:"exclude"`
	// FlushInterval is how often series that changed are written.
	FlushInterval time.Duration `mapstructure:"flush_interval"`
	// RefreshInterval is how often all series are written.
	RefreshInterval time.Duration `mapstructure:"refresh_interval"`
	// ExpireAfter is how long a series lives that nothing adds to.
	ExpireAfter time.Duration `mapstructure:"expire_after"`
	// MaxSeries of each metric; what is over goes to one series with otel.metric.overflow=true.
	MaxSeries int `mapstructure:"max_series"`
	// Resent is the memory by which a resent span or event counts once.
	Resent resent.Config `mapstructure:"resent"`
	// Journal keeps on disk what was counted, so that it survives the process.
	Journal JournalConfig `mapstructure:"journal"`
}

// JournalConfig says where. Without a directory nothing is kept.
type JournalConfig struct {
	Directory string `mapstructure:"directory"`
	// FSync waits for the disk at each request: what was counted then survives a power cut, too.
	FSync bool `mapstructure:"fsync"`
}

func defaultConfig() component.Config {
	return &Config{
		FlushInterval:   time.Second,
		RefreshInterval: 15 * time.Second,
		ExpireAfter:     time.Hour,
		MaxSeries:       2000,
		Resent:          resent.Config{For: 10 * time.Minute, Max: 1_000_000},
	}
}

// Validate checks what can be checked without reading a file.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.InstanceID != "", "instance_id", c.InstanceID, "a name that stays the same over restarts")
	for _, pattern := range c.Exclude {
		_, err := path.Match(pattern, "")
		faults.Unless(err == nil, "exclude", pattern, "a metric's name, with * for any part of it")
	}
	faults.Unless(c.FlushInterval >= 10*time.Millisecond, "flush_interval", c.FlushInterval, "at least 10ms")
	faults.Unless(c.RefreshInterval >= c.FlushInterval, "refresh_interval", c.RefreshInterval, "at least flush_interval, %s", c.FlushInterval)
	faults.Unless(c.ExpireAfter >= c.RefreshInterval, "expire_after", c.ExpireAfter, "at least refresh_interval, %s", c.RefreshInterval)
	faults.Unless(c.MaxSeries >= 1, "max_series", c.MaxSeries, "at least 1")
	faults.Add(c.Resent.Fault())
	return faults.Err()
}

// excludes says whether a metric of this name is left to the applications.
func (c *Config) excludes(name string) bool {
	for _, pattern := range c.Exclude {
		if matched, _ := path.Match(pattern, name); matched {
			return true
		}
	}
	return false
}

func choices(names []string) string {
	return strings.Join(names, ", ")
}
