package admission

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtls"

	"otelgate/collector/fault"
	"otelgate/collector/wire"
)

// Config of the extension.
type Config struct {
	// ReceiveBytes are for requests that are being received, ProcessBytes for those that are being processed.
	ReceiveBytes int64 `mapstructure:"receive_bytes"`
	ProcessBytes int64 `mapstructure:"process_bytes"`
	// Factor is how much memory a request takes while it is processed, for each of its bytes, decompressed.
	Factor float64 `mapstructure:"factor"`
	// Wait is how long a request that has been received waits for its turn.
	Wait time.Duration `mapstructure:"wait"`
	// Disk names the extension that is asked for room.
	Disk component.ID `mapstructure:"disk"`
	// Auth names the extension that the receiver asks who a sender is. Of a gRPC request this one asks it before its message
	// is read.
	Auth *Auth `mapstructure:"auth"`
	// MaxConnections limits gRPC connections, and concurrent HTTP requests, of one address; 0 means no limit.
	MaxConnections int `mapstructure:"max_connections_per_address"`
	// TLS is the receiver's for gRPC. A connection is counted before its handshake, so this extension makes the credentials, in
	// place of the receiver.
	TLS *configtls.ServerConfig `mapstructure:"tls"`
	// Limit is on what a request counts as: its bytes, or more where it has many small items.
	wire.Limit `mapstructure:",squash"`
}

// Auth is written as the receiver's.
type Auth struct {
	Authenticator component.ID `mapstructure:"authenticator"`
}

// Validate the configuration.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.ReceiveBytes >= 1, "receive_bytes", c.ReceiveBytes, "at least 1")
	faults.Unless(c.ProcessBytes >= 1, "process_bytes", c.ProcessBytes, "at least 1")
	faults.Unless(c.Factor >= 1, "factor", c.Factor, "at least 1")
	faults.Unless(c.MaxConnections >= 0, "max_connections_per_address", c.MaxConnections, "0 or more")
	faults.Add(c.Limit.Validate())
	return faults.Err()
}
