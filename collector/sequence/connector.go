package sequence

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"

	"otelgate/collector/fault"
	"otelgate/collector/resent"
	"otelgate/collector/sequence/internal/metadata"
)

// Config of the connector.
type Config struct {
	// Last names the pipelines, of each signal, that get a request after all others have accepted it.
	Last []pipeline.ID `mapstructure:"last"`
	// PieceBytes is the largest piece that is forwarded: a larger request is split, and each piece passes all pipelines
	// before the next. So no copy and no queue item is as large as the request. 0 forwards requests whole.
	PieceBytes int `mapstructure:"piece_bytes"`
	// Resent bounds the memory of what all pipelines have accepted, which is not forwarded again. By default there is none.
	Resent resent.Config `mapstructure:"resent"`
}

// Validate checks what can be checked without knowing the pipelines.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(len(c.Last) > 0, "last", c.Last, "at least one pipeline")
	faults.Unless(c.PieceBytes >= 0, "piece_bytes", c.PieceBytes, "0 or more")
	if c.Resent != (resent.Config{}) {
		faults.Add(c.Resent.Fault())
	}
	return faults.Err()
}

// NewFactory makes the connector `sequence`: traces to traces and logs to logs.
func NewFactory() connector.Factory {
	return connector.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{} },
		connector.WithTracesToTraces(newTraces, metadata.TracesToTracesStability),
		connector.WithLogsToLogs(newLogs, metadata.LogsToLogsStability),
	)
}

// joint forwards the very data that it gets, or pieces of it.
type joint struct {
	component.StartFunc
	component.ShutdownFunc
	pieceBytes int
	accepted   *accepted // nil: nothing is remembered
}

func newJoint(settings connector.Settings, cfg *Config) (joint, error) {
	remembered, err := newAccepted(cfg.Resent, settings.TelemetrySettings)
	return joint{pieceBytes: cfg.PieceBytes, accepted: remembered}, err
}

// Capabilities: pieces are taken out of the request. The Collector adds those of the pipelines behind.
func (j joint) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: j.pieceBytes > 0}
}

type traces struct {
	joint
	first, last consumer.Traces
}

func newTraces(_ context.Context, settings connector.Settings, cfg component.Config, next consumer.Traces) (connector.Traces, error) {
	router := next.(connector.TracesRouterAndConsumer)
	first, last, err := cfg.(*Config).split(router.PipelineIDs())
	if err != nil {
		return nil, err
	}
	made, err := newJoint(settings, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	t := &traces{joint: made}
	if len(first) > 0 {
		if t.first, err = router.Consumer(first...); err != nil {
			return nil, err
		}
	}
	t.last, err = router.Consumer(last...)
	return t, err
}

// ConsumeTraces forwards the request. After an error, pieces of it may have been accepted by all.
func (t *traces) ConsumeTraces(ctx context.Context, data ptrace.Traces) error {
	if t.pieceBytes == 0 {
		return t.forward(ctx, data)
	}
	return tracesInPieces(data, t.pieceBytes, func(piece ptrace.Traces) error { return t.forward(ctx, piece) })
}

// forward leaves out what was accepted before.
func (t *traces) forward(ctx context.Context, data ptrace.Traces) error {
	marshal := func() ([]byte, error) { return (&ptrace.ProtoMarshaler{}).MarshalTraces(data) }
	return t.accepted.once(ctx, marshal, func() error { return t.inOrder(ctx, data) })
}

// inOrder shares the data as the Collector's own fan-out does: a copy only where one side changes it.
func (t *traces) inOrder(ctx context.Context, data ptrace.Traces) error {
	if t.first != nil {
		shared := data
		if t.last.Capabilities().MutatesData {
			shared = ptrace.NewTraces()
			data.CopyTo(shared)
		} else {
			data.MarkReadOnly()
		}
		if err := t.first.ConsumeTraces(ctx, shared); err != nil {
			return err
		}
	}
	return t.last.ConsumeTraces(ctx, data)
}

type logs struct {
	joint
	first, last consumer.Logs
}

func newLogs(_ context.Context, settings connector.Settings, cfg component.Config, next consumer.Logs) (connector.Logs, error) {
	router := next.(connector.LogsRouterAndConsumer)
	first, last, err := cfg.(*Config).split(router.PipelineIDs())
	if err != nil {
		return nil, err
	}
	made, err := newJoint(settings, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	l := &logs{joint: made}
	if len(first) > 0 {
		if l.first, err = router.Consumer(first...); err != nil {
			return nil, err
		}
	}
	l.last, err = router.Consumer(last...)
	return l, err
}

// ConsumeLogs does the same for logs.
func (l *logs) ConsumeLogs(ctx context.Context, data plog.Logs) error {
	if l.pieceBytes == 0 {
		return l.forward(ctx, data)
	}
	return logsInPieces(data, l.pieceBytes, func(piece plog.Logs) error { return l.forward(ctx, piece) })
}

func (l *logs) forward(ctx context.Context, data plog.Logs) error {
	marshal := func() ([]byte, error) { return (&plog.ProtoMarshaler{}).MarshalLogs(data) }
	return l.accepted.once(ctx, marshal, func() error { return l.inOrder(ctx, data) })
}

func (l *logs) inOrder(ctx context.Context, data plog.Logs) error {
	if l.first != nil {
		shared := data
		if l.last.Capabilities().MutatesData {
			shared = plog.NewLogs()
			data.CopyTo(shared)
		} else {
			data.MarkReadOnly()
		}
		if err := l.first.ConsumeLogs(ctx, shared); err != nil {
			return err
		}
	}
	return l.last.ConsumeLogs(ctx, data)
}

// split parts the pipelines that are there. There may be none before the last: OTELGATE_AUDIT=false takes one out.
func (c *Config) split(there []pipeline.ID) (first, last []pipeline.ID, err error) {
	for _, id := range there {
		if slices.Contains(c.Last, id) {
			last = append(last, id)
		} else {
			first = append(first, id)
		}
	}
	if len(last) == 0 {
		return nil, nil, fault.Of("last", c.Last, "one of the pipelines that receive from this connector, %v", there)
	}
	return first, last, nil
}
