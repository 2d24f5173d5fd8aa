package admission

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"

	"otelgate/collector/admission/internal/metadata"
	"otelgate/collector/fault"
)

// factor is an estimate, which tests/e2e/test_overload.py holds against what the process takes.
const factor = 8

// NewFactory makes the extension `admission`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config {
		return &Config{Factor: factor, Wait: time.Second}
	}, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, raw component.Config) (extension.Extension, error) {
	cfg := raw.(*Config)
	door := newGate(cfg, set.Logger)
	if err := door.observe(set.TelemetrySettings); err != nil {
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
	auth extensionauth.Server
}

// Start finds the extensions that are asked.
func (m *middleware) Start(_ context.Context, host component.Host) error {
	var ok bool
	if m.cfg.Disk != (component.ID{}) {
		if m.gate.disk, ok = host.GetExtensions()[m.cfg.Disk].(disk); !ok {
			return fault.Of("disk", m.cfg.Disk, "an extension that knows the queues' disk")
		}
	}
	if m.cfg.Auth != nil {
		if m.auth, ok = host.GetExtensions()[m.cfg.Auth.Authenticator].(extensionauth.Server); !ok {
			return fault.Of("auth::authenticator", m.cfg.Auth.Authenticator, "an extension that knows senders")
		}
	}
	return nil
}

var _ extensioncapabilities.PipelineWatcher = (*middleware)(nil)

// Ready lets requests in. The receiver is one for all signals and listens as soon as one signal's pipeline is started: an
// exporter of another has no queue then, and a request for it would end the gateway.
func (m *middleware) Ready() error {
	close(m.gate.started)
	return nil
}

// NotReady is part of extensioncapabilities.PipelineWatcher: requests are taken until the receiver stops.
func (*middleware) NotReady() error { return nil }

// Shutdown ends the extension.
func (m *middleware) Shutdown(context.Context) error {
	m.gate.telemetry.Shutdown()
	return nil
}
