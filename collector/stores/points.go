package stores

import (
	"context"
	"fmt"

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
func (p *Points) Start(host component.Host) (err error) {
	p.sending.book, err = bookOf(host, p.rejects, "rejects")
	return err
}

// Send returns an error if the store takes the points perhaps later.
func (p *Points) Send(ctx context.Context, data pmetric.Metrics) error {
	left, _, err := p.sending.deliver(ctx, data)
	if err != nil {
		return p.sending.failed(err, left)
	}
	return nil
}

// bookOf is the extension that a setting names.
func bookOf(host component.Host, id component.ID, setting string) (rejects.Book, error) {
	book, ok := host.GetExtensions()[id].(rejects.Book)
	if !ok {
		return nil, fmt.Errorf("%s='%s': expected the extension of that name in service::extensions", setting, id)
	}
	return book, nil
}
