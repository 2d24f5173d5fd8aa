package answers

import "otelgate/collector/wire"

// Config of the extension.
type Config struct {
	// The receiver has to take more, so that this one may refuse.
	wire.Limit `mapstructure:",squash"`
}
