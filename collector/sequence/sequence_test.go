package sequence

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
)

var (
	audit  = pipeline.NewIDWithName(pipeline.SignalTraces, "audit")
	other  = pipeline.NewIDWithName(pipeline.SignalTraces, "other")
	stores = pipeline.NewIDWithName(pipeline.SignalTraces, "stores")
	lines  = pipeline.NewIDWithName(pipeline.SignalLogs, "stores")
	beside = pipeline.NewIDWithName(pipeline.SignalLogs, "audit")
)

// branch is a pipeline that notes its name, and what it got.
type branch struct {
	name     string
	order    *[]string
	mutates  bool
	refuses  bool
	answers  func() bool // whether it accepts
	got      ptrace.Traces
	gotLogs  plog.Logs
	readOnly bool
}

func (b *branch) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: b.mutates}
}

func (b *branch) ConsumeTraces(_ context.Context, data ptrace.Traces) error {
	*b.order = append(*b.order, b.name)
	b.got, b.readOnly = data, data.IsReadOnly()
	if b.mutates {
		data.ResourceSpans().At(0).Resource().Attributes().PutStr("by", b.name)
	}
	return b.answer()
}

func (b *branch) ConsumeLogs(_ context.Context, data plog.Logs) error {
	*b.order = append(*b.order, b.name)
	b.gotLogs, b.readOnly = data, data.IsReadOnly()
	if b.mutates {
		data.ResourceLogs().At(0).Resource().Attributes().PutStr("by", b.name)
	}
	return b.answer()
}

func (b *branch) answer() error {
	if b.refuses || b.answers != nil && !b.answers() {
		return errors.New(b.name + " is full")
	}
	return nil
}

func request() ptrace.Traces {
	data := ptrace.NewTraces()
	data.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("chat")
	return data
}

func lastOf(ids ...pipeline.ID) *Config { return &Config{Last: ids} }

func makeTraces(t *testing.T, cfg *Config, pipelines map[pipeline.ID]consumer.Traces) connector.Traces {
	t.Helper()
	require.NoError(t, cfg.Validate())
	made, err := NewFactory().CreateTracesToTraces(context.Background(),
		connector.Settings{ID: component.NewID(NewFactory().Type())}, cfg, connector.NewTracesRouter(pipelines))
	require.NoError(t, err)
	return made
}

func TestLastPipelineFollowsAllOthers(t *testing.T) {
	var order []string
	last := &branch{name: "stores", order: &order}
	made := makeTraces(t, lastOf(stores, lines), map[pipeline.ID]consumer.Traces{
		stores: last, audit: &branch{name: "first", order: &order}, other: &branch{name: "first", order: &order},
	})
	require.NoError(t, made.ConsumeTraces(context.Background(), request()))
	require.Equal(t, []string{"first", "first", "stores"}, order)
}

func TestRefusalKeepsRequestFromLastPipeline(t *testing.T) {
	var order []string
	made := makeTraces(t, lastOf(stores), map[pipeline.ID]consumer.Traces{
		stores: &branch{name: "stores", order: &order},
		audit:  &branch{name: "audit", order: &order, refuses: true},
		other:  &branch{name: "other", order: &order},
	})
	require.EqualError(t, made.ConsumeTraces(context.Background(), request()), "audit is full")
	require.ElementsMatch(t, []string{"audit", "other"}, order) // each of the first gets it, even if another refuses it
}

func TestLastPipelineMayRefuse(t *testing.T) {
	var order []string
	made := makeTraces(t, lastOf(stores), map[pipeline.ID]consumer.Traces{
		stores: &branch{name: "stores", order: &order, refuses: true}, audit: &branch{name: "audit", order: &order},
	})
	require.EqualError(t, made.ConsumeTraces(context.Background(), request()), "stores is full")
}

func TestOnlyPipelineGetsAll(t *testing.T) {
	var order []string
	last := &branch{name: "stores", order: &order, mutates: true}
	made := makeTraces(t, lastOf(stores), map[pipeline.ID]consumer.Traces{stores: last})
	data := request()
	require.NoError(t, made.ConsumeTraces(context.Background(), data))
	require.Equal(t, data, last.got) // no copy
}

// TestPipelinesDoNotSeeEachOthersChanges goes through every mix of pipelines that change the data and such that keep it.
func TestPipelinesDoNotSeeEachOthersChanges(t *testing.T) {
	for _, firstMutates := range []bool{false, true} {
		for _, lastMutates := range []bool{false, true} {
			var order []string
			first := &branch{name: "audit", order: &order, mutates: firstMutates}
			last := &branch{name: "stores", order: &order, mutates: lastMutates}
			made := makeTraces(t, lastOf(stores), map[pipeline.ID]consumer.Traces{audit: first, stores: last})
			require.NoError(t, made.ConsumeTraces(context.Background(), request()))
			for _, each := range []*branch{first, last} {
				by, ok := each.got.ResourceSpans().At(0).Resource().Attributes().Get("by")
				require.Equal(t, each.mutates, ok, "%s, first mutates: %v, last: %v", each.name, firstMutates, lastMutates)
				if ok {
					require.Equal(t, each.name, by.Str())
				}
			}
			if !firstMutates && !lastMutates {
				require.Equal(t, first.got, last.got)
				require.True(t, last.readOnly, "what two share is read-only")
			}
		}
	}
}

func TestForwardsLogsInOrder(t *testing.T) {
	var order []string
	first := &branch{name: "audit", order: &order, mutates: true}
	last := &branch{name: "stores", order: &order, mutates: true}
	made, err := NewFactory().CreateLogsToLogs(context.Background(), connector.Settings{ID: component.NewID(NewFactory().Type())},
		lastOf(stores, lines), connector.NewLogsRouter(map[pipeline.ID]consumer.Logs{beside: first, lines: last}))
	require.NoError(t, err)
	data := plog.NewLogs()
	data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("a line")
	require.NoError(t, made.ConsumeLogs(context.Background(), data))
	require.Equal(t, []string{"audit", "stores"}, order)
	by, _ := last.gotLogs.ResourceLogs().At(0).Resource().Attributes().Get("by")
	require.Equal(t, "stores", by.Str())
	first.refuses, order = true, nil
	require.EqualError(t, made.ConsumeLogs(context.Background(), data), "audit is full")
	require.Equal(t, []string{"audit"}, order)
}

func TestConfigFaults(t *testing.T) {
	require.EqualError(t, (&Config{PieceBytes: -1}).Validate(),
		"last='[]': expected at least one pipeline\npiece_bytes='-1': expected 0 or more")
	_, err := NewFactory().CreateTracesToTraces(context.Background(), connector.Settings{ID: component.NewID(NewFactory().Type())},
		lastOf(lines), connector.NewTracesRouter(map[pipeline.ID]consumer.Traces{audit: &branch{}}))
	require.EqualError(t, err, "last='[logs/stores]': expected one of the pipelines that receive from this connector, [traces/audit]")
}
