package streams

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/shares"
	"otelgate/collector/streams/internal/metadata"
)

const (
	// Other is the service of lines beyond a share, and Original the attribute with their own service name.
	Other    = "_OTHER"
	Original = "otelgate.service.original"

	serviceName     = "service.name"
	applicationName = "otelgate.application"
	// own begins the names of the stack's own services, which have a share.
	own = "otelgate"
	// sweepEvery is how often streams that are not in use any more are looked for.
	sweepEvery = time.Minute
)

// labels are those that compose/loki/loki.yaml makes streams of.
var labels = [...]string{serviceName, "service.namespace", "deployment.environment.name"}

// NewFactory makes the processor `streams`, for logs.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, defaultConfig,
		processor.WithLogs(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
			return newStreams(cfg.(*Config), set.TelemetrySettings, next, time.Now)
		}, metadata.LogsStability))
}

type stream struct {
	application string
	labels      [len(labels)]string
}

// owner is who the places are shared among. Without applications all services have one share.
func (s stream) owner() string {
	if s.application == "" && strings.HasPrefix(s.labels[0], own) {
		return own
	}
	return s.application
}

type streams struct {
	component.StartFunc
	cfg   *Config
	next  consumer.Logs
	clock func() time.Time

	mu     sync.Mutex
	seen   map[stream]time.Time
	places *shares.Shares
	swept  time.Time

	telemetry *metadata.TelemetryBuilder
}

func newStreams(cfg *Config, set component.TelemetrySettings, next consumer.Logs, clock func() time.Time) (*streams, error) {
	s := &streams{cfg: cfg, next: next, clock: clock, seen: map[stream]time.Time{}, places: shares.New(cfg.MaxStreams)}
	var err error
	if s.telemetry, err = metadata.NewTelemetryBuilder(set); err != nil {
		return nil, err
	}
	return s, s.telemetry.RegisterLiveCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(s.places.Live())
		return nil
	})
}

// Shutdown ends the observation.
func (s *streams) Shutdown(context.Context) error {
	s.telemetry.Shutdown()
	return nil
}

// Capabilities: the data are copied where something changes, which is rare.
func (*streams) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs gives resources beyond their application's share the service `_OTHER`.
func (s *streams) ConsumeLogs(ctx context.Context, data plog.Logs) error {
	var beyond []int
	for n, resource := range data.ResourceLogs().All() {
		if of := streamOf(resource.Resource().Attributes()); !s.has(of) {
			beyond = append(beyond, n)
			s.telemetry.OtherLines.Add(ctx, int64(lines(resource)), metric.WithAttributes(attribute.String("application", of.application)))
		}
	}
	if len(beyond) > 0 {
		changed := plog.NewLogs()
		data.CopyTo(changed)
		for _, n := range beyond {
			rename(changed.ResourceLogs().At(n).Resource().Attributes())
		}
		data = changed
	}
	return s.next.ConsumeLogs(ctx, data)
}

func streamOf(resource pcommon.Map) (of stream) {
	text := func(name string) string {
		if value, ok := resource.Get(name); ok {
			return value.AsString()
		}
		return ""
	}
	of.application = text(applicationName)
	for n, label := range labels {
		of.labels[n] = text(label)
	}
	return of
}

// has says whether a stream has a place, or gets one.
func (s *streams) has(of stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if _, ok := s.seen[of]; !ok {
		s.sweep(now)
		if !s.places.Claim(of.owner()) {
			return false
		}
		of = of.clone()
	}
	s.seen[of] = now
	return true
}

// sweep gives back the places of streams that are not in use.
func (s *streams) sweep(now time.Time) {
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	for of, seen := range s.seen {
		if now.Sub(seen) > s.cfg.IdleFor {
			delete(s.seen, of)
			s.places.Release(of.owner())
		}
	}
}

// clone keeps the texts, and not the request that they are part of.
func (s stream) clone() stream {
	s.application = strings.Clone(s.application)
	for n, label := range s.labels {
		s.labels[n] = strings.Clone(label)
	}
	return s
}

func rename(resource pcommon.Map) {
	service := streamOf(resource).labels[0]
	resource.RemoveIf(func(name string, _ pcommon.Value) bool {
		for _, label := range labels {
			if name == label {
				return true
			}
		}
		return name == Original
	})
	resource.PutStr(serviceName, Other)
	resource.PutStr(Original, service)
}

func lines(resource plog.ResourceLogs) (n int) {
	for _, scope := range resource.ScopeLogs().All() {
		n += scope.LogRecords().Len()
	}
	return n
}
