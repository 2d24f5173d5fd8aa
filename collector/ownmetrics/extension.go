package ownmetrics

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension"

	"otelgate/collector/ownmetrics/internal/metadata"
)

// Path is where the metrics are.
const Path = "/metrics"

// NewFactory makes the extension `own_metrics`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config {
		server := confighttp.NewDefaultServerConfig()
		return &server
	}, func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
		return &server{config: cfg.(*confighttp.ServerConfig), telemetry: set.TelemetrySettings}, nil
	}, metadata.ExtensionStability)
}

type server struct {
	config    *confighttp.ServerConfig
	telemetry component.TelemetrySettings
	http      *http.Server
	served    sync.WaitGroup
}

// Start listens. It fails where the port is taken, or a middleware is not there.
func (s *server) Start(ctx context.Context, host component.Host) error {
	paths := http.NewServeMux()
	paths.Handle(Path, promhttp.HandlerFor(prometheus.GathererFunc(gather), promhttp.HandlerOpts{}))
	made, err := s.config.ToServer(ctx, host.GetExtensions(), s.telemetry, paths)
	if err != nil {
		return err
	}
	listener, err := s.config.ToListener(ctx)
	if err != nil {
		return err
	}
	s.http = made
	s.served.Go(func() {
		if err := made.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// Shutdown ends requests that are under way.
func (s *server) Shutdown(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	s.served.Wait()
	return err
}
