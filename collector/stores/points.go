package stores

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"otelgate/collector/rejects"
)

// Points sends metrics for an exporter that has one queue, and rejects the points that its store refuses for good.
type Points struct {
	sending *sending[pmetric.Metrics]
	rejects component.ID
}

// NewPoints sends by an exporter that tries again itself.
func NewPoints(store string, send func(context.Context, pmetric.Metrics) error, book component.ID, logger *zap.Logger) *Points {
	return &Points{&sending[pmetric.Metrics]{signal: ofMetrics, store: store, send: send, logger: logger}, book}
}

// Start finds the extension.
func (p *Points) Start(host component.Host) {
	p.sending.book = bookOf(host, p.rejects, p.sending.logger)
}

// Send returns an error if the store takes the points perhaps later.
func (p *Points) Send(ctx context.Context, data pmetric.Metrics) error {
	left, _, err := p.sending.deliver(ctx, data)
	if err != nil {
		return p.sending.failed(err, left)
	}
	return nil
}

// bookOf is the extension of this name. A configuration of one's own may leave it out: then items are on record in the log.
func bookOf(host component.Host, id component.ID, logger *zap.Logger) rejects.Book {
	book, ok := host.GetExtensions()[id].(rejects.Book)
	if !ok {
		logger.Warn("this extension is not in service::extensions: items that the store refuses permanently are in this log only, and not counted",
			zap.Stringer("rejects", id))
		return logOnly{}
	}
	return book
}

type logOnly struct{}

func (logOnly) Reject(context.Context, rejects.Item) {}
