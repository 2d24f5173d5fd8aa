package genai

import (
	"time"

	"go.opentelemetry.io/collector/component"

	"otelgate/collector/fault"
)

// Config of the genai processor.
type Config struct {
	// MappingFile adds to, or overrides, the built-in mapping.yaml. Empty: the built-in one alone.
	MappingFile string `mapstructure:"mapping_file"`
	// KeepOriginals keeps attributes in addition to the ones they were mapped to.
	KeepOriginals bool `mapstructure:"keep_originals"`
	// PricesFile adds or replaces prices; it is read again when it changes. Empty: the built-in prices alone.
	PricesFile string `mapstructure:"prices_file"`
	// Index is the memory of recent spans.
	Index IndexConfig `mapstructure:"index"`
	// Duplicates says how the same model call seen twice is found.
	Duplicates DuplicatesConfig `mapstructure:"duplicates"`
}

// IndexConfig bounds the memory of recent spans. A span takes about 200 bytes.
type IndexConfig struct {
	// MaxSpans is how many spans are remembered; the oldest go first.
	MaxSpans int `mapstructure:"max_spans"`
	// TTL is how long one is remembered.
	TTL time.Duration `mapstructure:"ttl"`
}

// DuplicatesConfig says how the same model call seen twice is found.
type DuplicatesConfig struct {
	// ByTime also compares calls of one trace whose spans aren't each other's ancestors: other instrumentation scope,
	// same token counts, one within the other's time.
	ByTime bool `mapstructure:"by_time"`
}

const (
	defaultMaxSpans = 100_000
	maxMaxSpans     = 10_000_000
	defaultTTL      = 10 * time.Minute
)

func createDefaultConfig() component.Config {
	return &Config{
		Index:      IndexConfig{MaxSpans: defaultMaxSpans, TTL: defaultTTL},
		Duplicates: DuplicatesConfig{ByTime: true},
	}
}

// Validate checks the bounds. The files are checked at the start, by loadTable.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.Index.MaxSpans >= 1 && c.Index.MaxSpans <= maxMaxSpans, "index::max_spans", c.Index.MaxSpans, "a number from 1 to %d", maxMaxSpans)
	faults.Unless(c.Index.TTL > 0, "index::ttl", c.Index.TTL, "a duration above 0")
	return faults.Err()
}
