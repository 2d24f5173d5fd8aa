package diskqueue

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/disk"
)

// observe registers the gauges of the queues, which are read when the gateway's own metrics are collected.
func (q *Queues) observe(provider metric.MeterProvider) (metric.Registration, error) {
	meter := provider.Meter("otelgate/diskqueue")
	var faults []error
	gauge := func(name, unit, description string) metric.Int64ObservableGauge {
		made, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		faults = append(faults, err)
		return made
	}
	free := gauge("otelgate.queue.disk.free", "By", "Free bytes on the disk of the export queues.")
	reserve := gauge("otelgate.queue.disk.reserve", "By", "Bytes that must stay free on that disk. Below it, data is refused.")
	aside := gauge("otelgate.queue.damaged", "{file}", "Damaged queue files, and damaged items of them, that were set aside and still exist.")
	totals := gauge("otelgate.totals.damaged", "{file}",
		"Damaged files with the totals of applications' own metrics, and damaged values of them, that were set aside and still exist.")
	waiting := gauge("otelgate.queue.late", "{write}", "Writes to a queue that wait for room on the disk.")
	orphaned := gauge("otelgate.queue.orphaned", "{item}",
		"Items that were missing from the queue's indexes when it was opened. They are sent again.")
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if space, err := q.space(q.cfg.Directory); err == nil {
			o.ObserveInt64(free, space.Free)
			o.ObserveInt64(reserve, space.Reserve(q.cfg.ReserveBytes))
		}
		o.ObserveInt64(aside, int64(disk.SetAside(q.cfg.Directory, disk.Queue)))
		o.ObserveInt64(totals, int64(disk.SetAside(q.cfg.Directory, disk.Totals)))
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, c := range q.clients {
			of := metric.WithAttributes(attribute.String("otelgate.queue", c.queue))
			o.ObserveInt64(waiting, c.waiting.Load(), of)
			o.ObserveInt64(orphaned, c.orphaned.Load(), of)
		}
		return nil
	}, free, reserve, aside, totals, waiting, orphaned)
	return registration, errors.Join(append(faults, err)...)
}
