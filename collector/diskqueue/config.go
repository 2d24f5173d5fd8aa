package diskqueue

import "otelgate/collector/fault"

// Config of the extension. The settings say what was asked for; QueueSize is what the disk has room for.
type Config struct {
	Directory string `mapstructure:"directory"`
	// FSync makes queued data survive power loss.
	FSync bool `mapstructure:"fsync"`
	// QueueBytes is what OTELGATE_QUEUE_BYTES asks for each queue, QueueSize what it gets.
	QueueBytes int64 `mapstructure:"queue_bytes"`
	QueueSize  int64 `mapstructure:"queue_size"`
	Queues     int   `mapstructure:"queues"`
	// ReserveBytes stay free on the disk, at most a tenth of it.
	ReserveBytes int64 `mapstructure:"reserve_bytes"`
	// CompactMiB is the size from which an emptied file gives its space back.
	CompactMiB int64 `mapstructure:"compact_mib"`
}

// Validate the configuration.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.Directory != "", "directory", c.Directory, "a folder")
	faults.Unless(c.ReserveBytes >= 0, "reserve_bytes", c.ReserveBytes, "0 or more")
	faults.Unless(c.CompactMiB >= 1, "compact_mib", c.CompactMiB, "at least 1")
	return faults.Err()
}
