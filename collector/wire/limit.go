package wire

import (
	"fmt"

	"otelgate/collector/fault"
)

// Limit is how large a request may be.
type Limit struct {
	// MaxMessageMiB is the largest request, decompressed.
	MaxMessageMiB int64 `mapstructure:"max_message_mib"`
	// MemoryLimitMiB is OTELGATE_MEMORY_LIMIT_MIB where MaxMessageMiB follows from it, or 0.
	MemoryLimitMiB int64 `mapstructure:"memory_limit_mib"`
}

// Validate the limit.
func (l Limit) Validate() error {
	if l.MaxMessageMiB < 1 {
		return fault.Of("max_message_mib", l.MaxMessageMiB, "at least 1")
	}
	return nil
}

// Bytes of the largest request.
func (l Limit) Bytes() int64 { return l.MaxMessageMiB << 20 }

// String is the largest request, and the setting to which it is due.
func (l Limit) String() string {
	if l.MemoryLimitMiB > 0 {
		return fmt.Sprintf("%d MiB, for more of which OTELGATE_MEMORY_LIMIT_MIB=%d has no room", l.MaxMessageMiB, l.MemoryLimitMiB)
	}
	return fmt.Sprintf("OTELGATE_MAX_MESSAGE_MIB=%d MiB", l.MaxMessageMiB)
}

// Exceeded says that a request counts as too much, in words for its sender.
func (l Limit) Exceeded(size int64) string {
	return fmt.Sprintf("the request counts as %d bytes, each span, log record and point of it as %d or more, each attribute as %d or more: that is larger than max, %s: send it in parts",
		size, itemSize, attributeSize, l)
}
