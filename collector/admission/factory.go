package admission

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// factor is an estimate, which tests/e2e/test_overload.py holds against what the process takes.
const factor = 8

// NewFactory makes the extension `admission`.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("admission"), func() component.Config {
		return &Config{Factor: factor, Wait: time.Second}
	}, create, component.StabilityLevelBeta)
}

func create(_ context.Context, set extension.Settings, raw component.Config) (extension.Extension, error) {
	cfg := raw.(*Config)
	door := newGate(cfg)
	if err := door.observe(set.MeterProvider); err != nil {
		return nil, err
	}
	return &middleware{cfg: cfg, gate: door}, nil
}

// disk is the extension that knows the queues' disk.
type disk interface {
	// Refusal is an error where so many bytes that are in flight would not leave the reserve.
	Refusal(pending int64) error
}

type middleware struct {
	cfg  *Config
	gate *gate
}

// Start finds the disk.
func (m *middleware) Start(_ context.Context, host component.Host) error {
	if m.cfg.Disk == (component.ID{}) {
		return nil
	}
	found, ok := host.GetExtensions()[m.cfg.Disk].(disk)
	if !ok {
		return fmt.Errorf("`disk`: expected an extension that knows the queues' disk, got %q", m.cfg.Disk)
	}
	m.gate.disk = found
	return nil
}

// Shutdown ends the extension.
func (*middleware) Shutdown(context.Context) error { return nil }
