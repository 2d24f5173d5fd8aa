package stores

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/diskqueue"
)

// pair are the two queues of a store for one signal, and the exporter that sends for both.
type pair[T any] struct {
	*sending[T]
	id, secondID component.ID
	rejects      component.ID
	storage      *component.ID
	most         int64 // bytes in both queues; 0: the queue counts something else

	sender, firstQueue, secondQueue component.Component
	enter                           func(context.Context, T) error // the first queue
	used                            func(component.ID) int64       // bytes on disk
	notQueued                       metric.Int64Counter
	end                             sync.Once
}

func newPair[T any](of signal[T], set exporter.Settings, cfg *Refused, most int, queue exporterhelper.QueueBatchConfig) (*pair[T], error) {
	p := &pair[T]{
		sending:  &sending[T]{signal: of, store: set.ID.String(), pieces: cfg.PieceBytes, most: most, logger: set.Logger, stop: make(chan struct{})},
		id:       set.ID,
		secondID: component.NewIDWithName(set.ID.Type(), set.ID.Name()+diskqueue.Refused),
		rejects:  cfg.Rejects,
		storage:  queue.StorageID,
	}
	if queue.Sizer == exporterhelper.RequestSizerTypeBytes {
		p.most = queue.QueueSize
	}
	var err error
	p.notQueued, err = notQueued(set.TelemetrySettings, of.counted, of.unit)
	return p, err
}

// Start the exporter, and then the queues, whose consumers send immediately.
func (p *pair[T]) Start(ctx context.Context, host component.Host) error {
	p.book = bookOf(host, p.rejects, p.logger)
	if p.storage != nil {
		if files, ok := host.GetExtensions()[*p.storage].(interface {
			Waiting(id component.ID, name string) int64
		}); ok {
			p.used = func(of component.ID) int64 { return files.Waiting(of, p.name) }
		}
	}
	for _, each := range []component.Component{p.sender, p.secondQueue, p.firstQueue} {
		if err := each.Start(ctx, host); err != nil {
			return err
		}
	}
	return nil
}

// Shutdown ends them in the opposite order: what is on disk stays there.
func (p *pair[T]) Shutdown(ctx context.Context) error {
	p.end.Do(func() { close(p.stop) })
	return errors.Join(p.firstQueue.Shutdown(ctx), p.secondQueue.Shutdown(ctx), p.sender.Shutdown(ctx))
}

// Capabilities: batches are taken apart.
func (*pair[T]) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

var errFull = fmt.Errorf("%w: what the store refused takes a part of it", exporterhelper.ErrQueueIsFull)

// consume takes data in, if both queues together have room for it.
func (p *pair[T]) consume(ctx context.Context, data T) error {
	if p.used != nil && p.most > 0 {
		if second := p.used(p.secondID); second > 0 && p.used(p.id)+second+int64(p.bytes(data)) > p.most {
			p.notQueued.Add(ctx, int64(p.items(data)), metric.WithAttributes(attribute.String("exporter", p.store)))
			return errFull
		}
	}
	return p.enter(ctx, data)
}

type traces struct{ *pair[ptrace.Traces] }

// ConsumeTraces puts data into the first queue.
func (t traces) ConsumeTraces(ctx context.Context, data ptrace.Traces) error {
	return t.consume(ctx, data)
}

type logs struct{ *pair[plog.Logs] }

// ConsumeLogs puts data into the first queue.
func (l logs) ConsumeLogs(ctx context.Context, data plog.Logs) error { return l.consume(ctx, data) }
