package accumulate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"otelgate/collector/derived"
	"otelgate/collector/fault"
	"otelgate/collector/resent"
	"otelgate/collector/shares"
)

type accumulator struct {
	id       component.ID
	config   *Config
	logger   *zap.Logger
	next     consumer.Metrics
	clock    func() time.Time
	registry *derived.Registry

	mu      sync.Mutex
	sources map[uint64]*source
	series  map[uint64]*series
	// senderPlaces and seriesPlaces are shares of who sends.
	senderPlaces, seriesPlaces *shares.Shares
	senderRoom, seriesRoom     noRoom
	// forgotten is until when senders may have been counted that are not remembered: since the state began, or since
	// the latest of those that went to make room. A sender that is older may have been counted before.
	forgotten int64
	// requests are those that were counted, by their digest. A source remembers its latest deltas only, and a request
	// may have more, or be sent again after many others.
	requests *resent.Memory
	store    storage.Client
	loaded   int64           // when what was stored was read
	expired  int64           // when what is old was last looked for
	warned   map[string]bool // reasons

	flushing  sync.Mutex
	stop      context.CancelFunc
	stopped   chan struct{}
	telemetry *telemetry
}

func newAccumulator(id component.ID, cfg *Config, settings component.TelemetrySettings, next consumer.Metrics,
	clock func() time.Time, registry *derived.Registry,
) (*accumulator, error) {
	a := &accumulator{
		id: id, config: cfg, logger: settings.Logger, next: next, clock: clock, registry: registry,
		sources: map[uint64]*source{}, series: map[uint64]*series{}, warned: map[string]bool{},
		senderPlaces: shares.New(cfg.MaxSenders), seriesPlaces: shares.New(cfg.MaxSeries),
		requests: resent.New(cfg.Resent, clock()),
	}
	var err error
	a.telemetry, err = a.observe(settings)
	return a, err
}

// Start takes up what was stored, and begins to flush.
func (a *accumulator) Start(ctx context.Context, host component.Host) error {
	if err := a.open(ctx, host); err != nil {
		return err
	}
	flushes, cancel := context.WithCancel(context.Background())
	a.stop, a.stopped = cancel, make(chan struct{})
	ticker := time.NewTicker(a.config.FlushInterval)
	go func() {
		defer close(a.stopped)
		defer ticker.Stop()
		for {
			select {
			case <-flushes.Done():
				return
			case <-ticker.C:
				a.flush(flushes)
			}
		}
	}()
	return nil
}

// Shutdown writes what changed since the last flush.
func (a *accumulator) Shutdown(ctx context.Context) error {
	if a.stop == nil {
		return nil
	}
	a.stop()
	<-a.stopped
	a.flush(ctx)
	a.telemetry.Shutdown()
	if a.store == nil {
		return nil
	}
	return a.store.Close(ctx)
}

// Capabilities: what is counted is taken out of the request.
func (*accumulator) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeMetrics counts what adds up and passes the rest on. It returns after what was counted is stored; a request
// that is refused and sent again counts once.
func (a *accumulator) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	if err := a.count(ctx, metrics); err != nil {
		return err
	}
	if metrics.ResourceMetrics().Len() == 0 {
		return nil
	}
	return a.next.ConsumeMetrics(ctx, metrics)
}

func (a *accumulator) count(ctx context.Context, metrics pmetric.Metrics) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	st := a.stage()
	var failed error
	metrics.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		p := a.placeOf(resource.Resource().Attributes())
		resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			p.scope = scope.Scope()
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool {
				p.metric = metric
				taken, err := st.metric(p)
				if err != nil && failed == nil {
					failed = err
				}
				return taken
			})
			return scope.Metrics().Len() == 0
		})
		return resource.ScopeMetrics().Len() == 0
	})
	if failed == nil && st.again() {
		a.tell(ctx, map[string]int64{isResent: st.points()})
		return nil
	}
	if failed == nil {
		failed = st.commit(ctx)
	}
	if failed != nil {
		a.telemetry.Refused.Add(ctx, 1)
		return fmt.Errorf("metrics could not be stored, send them again: %w", failed)
	}
	a.tell(ctx, st.counts)
	return nil
}

// metric says whether it was taken out of the request.
func (st *stage) metric(p place) (bool, error) {
	all, temporality, accumulates := readings(p.metric)
	if !accumulates {
		return st.dropReading(p), nil
	}
	p.delta = temporality == pmetric.AggregationTemporalityDelta
	for _, r := range all {
		reason, err := st.take(p, r, temporality)
		if err != nil {
			return true, err
		}
		st.counts[reason]++
	}
	return true, nil
}

// dropReading: of gauges and the like, too, the gateway's own win.
func (st *stage) dropReading(p place) bool {
	label := func(name string) string { return derived.Label(*p.resource, name) }
	if !st.config.mayDerive(p.metric.Name()) || !st.registry.Derives(p.metric.Name(), label("service.name"),
		label("deployment.environment.name"), time.Unix(0, st.now)) {
		return false
	}
	st.counts[isDerived]++
	return true
}

func (a *accumulator) save(ctx context.Context, operations ...*storage.Operation) error {
	if a.store == nil {
		return nil
	}
	return a.store.Batch(ctx, operations...)
}

// open reads what the last process stored.
func (a *accumulator) open(ctx context.Context, host component.Host) error {
	a.forgotten = a.clock().UnixNano()
	if a.config.Storage == nil {
		return nil
	}
	extension, ok := host.GetExtensions()[*a.config.Storage].(storage.Extension)
	if !ok {
		return fault.Of("storage", a.config.Storage, "a storage extension that is in service::extensions")
	}
	var err error
	if a.store, err = extension.GetClient(ctx, component.KindProcessor, a.id, ""); err != nil {
		return fmt.Errorf("storage='%s': %w", a.config.Storage, err)
	}
	return a.load(ctx)
}
