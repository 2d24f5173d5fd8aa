package pricing

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"otelgate/collector/pricing/internal/metadata"
)

// watcher reads the override file again and again: its content tells whether it changed, which a time stamp doesn't
// for certain, and it is small.
type watcher struct {
	table *Table
	file  string
	last  []byte // what was read last, good or not; nil if nothing could be
	state atomic.Pointer[string]

	log       *zap.Logger
	telemetry *metadata.TelemetryBuilder
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// States of the override, as otelgate.prices.info tells them.
var overrideNone, overrideActive, overrideBroken = "none", "active", "broken"

func watch(table *Table, options Options, content []byte) (*watcher, error) {
	w := &watcher{table: table, file: options.OverrideFile, log: options.Telemetry.Logger, last: content}
	if w.log == nil {
		w.log = zap.NewNop()
	}
	w.state.Store(&overrideNone)
	if err := w.instruments(options.Telemetry); err != nil {
		return nil, err
	}
	if w.file == "" {
		return w, nil
	}
	w.state.Store(&overrideActive)
	poll := options.Poll
	if poll <= 0 {
		poll = DefaultPoll
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.done.Go(func() {
		ticker := time.NewTicker(poll)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				w.look()
			}
		}
	})
	return w, nil
}

func (w *watcher) instruments(settings component.TelemetrySettings) error {
	if settings.MeterProvider == nil {
		settings.MeterProvider = noop.NewMeterProvider()
	}
	var err error
	if w.telemetry, err = metadata.NewTelemetryBuilder(settings); err != nil {
		return err
	}
	w.telemetry.ReloadFailures.Add(context.Background(), 0) // the series is there before the first failure, so that increase() counts it
	return w.telemetry.RegisterInfoCallback(func(_ context.Context, observer metric.Int64Observer) error {
		observer.Observe(1, metric.WithAttributes(
			attribute.String("otelgate.cost.price_version", w.table.Version()),
			attribute.String("otelgate.prices.override", *w.state.Load()),
		))
		return nil
	})
}

// look reads the file and takes it over if it changed.
func (w *watcher) look() {
	content, err := readOverride(w.file)
	if err == nil && w.last != nil && bytes.Equal(content, w.last) {
		return
	}
	gone := content == nil && w.last == nil // as at the last look: told then
	w.last = content
	var changed *book
	if err == nil {
		changed, err = newBook(w.file, content)
	}
	switch {
	case err == nil:
		w.table.now.Store(&edition{book: changed})
		w.state.Store(&overrideActive)
		w.log.Info("prices override in use", zap.String("file", w.file), zap.String("version", changed.version))
	case !gone:
		w.state.Store(&overrideBroken)
		w.log.Error(err.Error(), zap.String("kept", w.table.Version()))
		w.telemetry.ReloadFailures.Add(context.Background(), 1)
	}
}

func (w *watcher) close() error {
	if w.stop != nil {
		w.stop()
		w.done.Wait()
	}
	w.telemetry.Shutdown()
	return nil
}
