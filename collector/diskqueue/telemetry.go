package diskqueue

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/disk"
	"otelgate/collector/diskqueue/internal/metadata"
)

// observe registers the gauges of the queues, which are read when the gateway's own metrics are collected.
func (q *Queues) observe(set component.TelemetrySettings) (*metadata.TelemetryBuilder, error) {
	t, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	return t, errors.Join(
		t.RegisterQueueDiskFreeCallback(q.ofDisk(func(space disk.Space) int64 { return space.Free })),
		t.RegisterQueueDiskReserveCallback(q.ofDisk(func(space disk.Space) int64 { return space.Reserve(q.cfg.ReserveBytes) })),
		t.RegisterQueueDamagedCallback(q.setAside(disk.Queue)),
		t.RegisterTotalsDamagedCallback(q.setAside(disk.Totals)),
		t.RegisterQueueLateCallback(q.ofQueues(func(c *client) int64 { return c.waiting.Load() })),
		t.RegisterQueueOrphanedCallback(q.ofQueues(func(c *client) int64 { return c.orphaned.Load() })),
	)
}

// ofDisk observes nothing of a disk that cannot be asked.
func (q *Queues) ofDisk(read func(disk.Space) int64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		if space, err := q.space(q.cfg.Directory); err == nil {
			o.Observe(read(space))
		}
		return nil
	}
}

func (q *Queues) setAside(kind string) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(disk.SetAside(q.cfg.Directory, kind)))
		return nil
	}
}

func (q *Queues) ofQueues(read func(*client) int64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, c := range q.clients {
			o.Observe(read(c), metric.WithAttributes(attribute.String("otelgate.queue", c.queue)))
		}
		return nil
	}
}
