package intake

import (
	"time"

	"otelgate/collector/fault"
)

// Config holds what the hops behind the gateway take; docs/reference/limits.md says which hop each bound comes from.
type Config struct {
	// MaxItemBytes is the largest span, log record or metric point, in bytes of OTLP as protobuf. A log record is cut
	// at MaxLineBytes where that is less.
	MaxItemBytes int `mapstructure:"max_item_bytes"`
	// MaxAhead is how far into the future a time may lie. Loki and Prometheus refuse 10 minutes.
	MaxAhead time.Duration `mapstructure:"max_ahead"`
	// MaxLogAge is how old a log record may be. Loki refuses what is older than its reject_old_samples_max_age.
	MaxLogAge time.Duration `mapstructure:"max_log_age"`
	// MaxPointAge is how old a metric point may be. Prometheus refuses what is older than its out_of_order_time_window.
	MaxPointAge time.Duration `mapstructure:"max_point_age"`
	// PolicyFile is that of the processor redact: by its rules metrics are refused whose names hold a secret.
	PolicyFile string `mapstructure:"policy_file"`
}

// Bounds that no setting moves, each below the smallest limit behind it.
const (
	// MaxLineBytes is below Loki's max_line_size of 1 MiB.
	MaxLineBytes = 1_000_000
	// maxPointBytes bounds the labels and exemplars of one series.
	maxPointBytes = 64 << 10
	// maxName is what the audit sink takes for an id or a name; Loki takes 2,048 bytes for a label.
	maxName = 512
	// maxKey: Loki takes 1,024 bytes for a label's name.
	maxKey = 512
	// maxDepth: the audit sink reads 64 levels.
	maxDepth = 32
	// A line's fields in Loki come from its resource, its scope and itself: together at most 1,024, 2 MiB.
	maxResourceBytes  = 64 << 10
	maxResourceLeaves = 128
	maxScopeBytes     = 16 << 10
	maxScopeLeaves    = 64
	maxLogLeaves      = 768
	// maxDuration: what seems to last longer has a start that is not true.
	maxDuration = 31 * 24 * time.Hour
	minItem     = 16 << 10
	// maxItem: masking, and keeping originals with their mapped attributes, may double it; a batch has 3,000,000.
	maxItem = 1_250_000
)

func createDefaultConfig() *Config {
	return &Config{
		MaxItemBytes: 1_000_000,
		MaxAhead:     9 * time.Minute,
		MaxLogAge:    743 * time.Hour,
		MaxPointAge:  3*time.Hour + 50*time.Minute,
	}
}

// Validate reports every fault, each with its path.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.MaxItemBytes >= minItem && c.MaxItemBytes <= maxItem, "max_item_bytes", c.MaxItemBytes, "a number from %d to %d", minItem, maxItem)
	faults.Unless(c.MaxAhead > 0, "max_ahead", c.MaxAhead, "a duration above 0")
	faults.Unless(c.MaxLogAge > 0, "max_log_age", c.MaxLogAge, "a duration above 0")
	faults.Unless(c.MaxPointAge > 0, "max_point_age", c.MaxPointAge, "a duration above 0")
	return faults.Err()
}
