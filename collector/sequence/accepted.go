package sequence

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"

	"otelgate/collector/resent"
	"otelgate/collector/sequence/internal/metadata"
)

// accepted remembers what all pipelines have accepted. A client sends it again where our answer got lost, or where a later
// piece of its request was refused; it is accepted then, and not forwarded, since a store would show it twice. Only what
// is the same to the last byte is taken for the same.
type accepted struct {
	mu        sync.Mutex
	memory    *resent.Memory
	seed      maphash.Seed
	telemetry *metadata.TelemetryBuilder
}

// newAccepted is nil where nothing is to be remembered: then all is forwarded.
func newAccepted(cfg resent.Config, settings component.TelemetrySettings) (*accepted, error) {
	if cfg.Max == 0 {
		return nil, nil
	}
	builder, err := metadata.NewTelemetryBuilder(settings)
	return &accepted{memory: resent.New(cfg, time.Now()), seed: maphash.MakeSeed(), telemetry: builder}, err
}

// once forwards the data that `marshal` writes, unless it was accepted before. It is noted after that only: data that is
// still on its way may be refused.
func (a *accepted) once(ctx context.Context, marshal func() ([]byte, error), forward func() error) error {
	if a == nil {
		return forward()
	}
	bytes, err := marshal()
	if err != nil {
		return err
	}
	key := maphash.Bytes(a.seed, bytes)
	if a.noted(key) {
		a.telemetry.Resent.Add(ctx, 1)
		return nil
	}
	if err := forward(); err != nil {
		return err
	}
	a.note(key)
	return nil
}

func (a *accepted) noted(key uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.memory.Has(key, time.Now())
}

func (a *accepted) note(key uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memory.Again(key, time.Now())
}
