package genai

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
)

// logsProcessor maps the few attributes that the mapping lists under `logs`. Bodies and event names pass unchanged:
// `gen_ai.*` events are canonical already, and everything else is the application's own.
type logsProcessor struct {
	component.StartFunc
	component.ShutdownFunc
	scans   sync.Pool
	refused *refusedMetric
	next    consumer.Logs
}

func newLogsProcessor(config *Config, t *table, refused *refusedMetric, next consumer.Logs) *logsProcessor {
	p := &logsProcessor{refused: refused, next: next}
	p.scans.New = func() any { return newScan(t, config.KeepOriginals) }
	return p
}

func (p *logsProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *logsProcessor) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	s := p.scans.Get().(*scan)
	for _, resource := range logs.ResourceLogs().All() {
		for _, scoped := range resource.ScopeLogs().All() {
			for _, record := range scoped.LogRecords().All() {
				if attributes := record.Attributes(); s.collect(attributes) {
					s.resolve(false)
					s.write(attributes)
				}
			}
		}
	}
	p.refused.add(ctx, &s.refused)
	s.refused = refused{}
	clear(s.values) // let go of the request's memory
	p.scans.Put(s)
	return p.next.ConsumeLogs(ctx, logs)
}
