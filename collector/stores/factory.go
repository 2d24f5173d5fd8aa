package stores

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/xexporter"
)

// wrapped are the ways of an exporter in and out.
type wrapped[C any] struct {
	inner xexporter.Factory
	of    SettingsOf[C]
}

// Wrap an exporter of OTLP, whose configuration is C.
func Wrap[C any](upstream exporter.Factory, of SettingsOf[C]) exporter.Factory {
	w := wrapped[C]{upstream.(xexporter.Factory), of}
	return xexporter.NewFactory(w.inner.Type(),
		func() component.Config { return &Config[C]{Exporter: *w.inner.CreateDefaultConfig().(*C)} },
		xexporter.WithDeprecatedTypeAlias(w.inner.(interface{ DeprecatedAlias() component.Type }).DeprecatedAlias()),
		xexporter.WithTraces(w.traces, w.inner.TracesStability()),
		xexporter.WithLogs(w.logs, w.inner.LogsStability()),
		xexporter.WithMetrics(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
			return w.inner.CreateMetrics(ctx, set, &cfg.(*Config[C]).Exporter)
		}, w.inner.MetricsStability()),
		xexporter.WithProfiles(func(ctx context.Context, set exporter.Settings, cfg component.Config) (xexporter.Profiles, error) {
			return w.inner.CreateProfiles(ctx, set, &cfg.(*Config[C]).Exporter)
		}, w.inner.ProfilesStability()))
}

func (w wrapped[C]) traces(ctx context.Context, set exporter.Settings, raw component.Config) (exporter.Traces, error) {
	cfg := raw.(*Config[C])
	queue, retry := w.of(&cfg.Exporter)
	if cfg.Refused == nil || !queue.HasValue() {
		return w.inner.CreateTraces(ctx, set, &cfg.Exporter)
	}
	sender, err := w.inner.CreateTraces(ctx, innerSettings(set), withoutQueue(cfg.Exporter, w.of))
	if err != nil {
		return nil, err
	}
	p, err := newPair(ofTraces, set, cfg.Refused, cfg.MaxItems, *queue.Get())
	if err != nil {
		return nil, err
	}
	p.sender, p.send = sender, sender.ConsumeTraces
	again, andAgain := secondQueue(*queue.Get(), *retry)
	second, err := exporterhelper.NewTraces(ctx, secondSettings(set, p.secondID), cfg, p.again, options(again, andAgain)...)
	if err != nil {
		return nil, err
	}
	p.secondQueue, p.queue = second, second.ConsumeTraces
	first, err := exporterhelper.NewTraces(ctx, outerSettings(set), cfg, p.first, options(*queue, *retry)...)
	if err != nil {
		return nil, err
	}
	p.firstQueue, p.enter = first, first.ConsumeTraces
	return traces{p}, nil
}

func (w wrapped[C]) logs(ctx context.Context, set exporter.Settings, raw component.Config) (exporter.Logs, error) {
	cfg := raw.(*Config[C])
	queue, retry := w.of(&cfg.Exporter)
	if cfg.Refused == nil || !queue.HasValue() {
		return w.inner.CreateLogs(ctx, set, &cfg.Exporter)
	}
	sender, err := w.inner.CreateLogs(ctx, innerSettings(set), withoutQueue(cfg.Exporter, w.of))
	if err != nil {
		return nil, err
	}
	p, err := newPair(ofLogs, set, cfg.Refused, cfg.MaxItems, *queue.Get())
	if err != nil {
		return nil, err
	}
	p.sender, p.send = sender, sender.ConsumeLogs
	again, andAgain := secondQueue(*queue.Get(), *retry)
	second, err := exporterhelper.NewLogs(ctx, secondSettings(set, p.secondID), cfg, p.again, options(again, andAgain)...)
	if err != nil {
		return nil, err
	}
	p.secondQueue, p.queue = second, second.ConsumeLogs
	first, err := exporterhelper.NewLogs(ctx, outerSettings(set), cfg, p.first, options(*queue, *retry)...)
	if err != nil {
		return nil, err
	}
	p.firstQueue, p.enter = first, first.ConsumeLogs
	return logs{p}, nil
}

func innerSettings(set exporter.Settings) exporter.Settings {
	set.TelemetrySettings = Inner(set.TelemetrySettings)
	return set
}

func outerSettings(set exporter.Settings) exporter.Settings {
	set.TelemetrySettings = Outer(set.TelemetrySettings)
	return set
}

func secondSettings(set exporter.Settings, id component.ID) exporter.Settings {
	set.ID, set.TelemetrySettings = id, second(set.TelemetrySettings)
	return set
}

func options(queue QueueConfig, retry configretry.BackOffConfig) []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithQueue(queue),
		exporterhelper.WithRetry(retry),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}), // the exporter inside has its own
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
	}
}
