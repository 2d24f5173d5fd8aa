package sequence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
)

const pieceBytes = 1000

// places are those of a request's items: 2 resources of 2 scopes of 3 items each.
func places(each func(resource, scope, item int)) {
	for n := range 12 {
		each(n/6, n/3%2, n%3)
	}
}

// words make an item of more than a third of a piece, and one that is larger than a piece.
func words(item int) string {
	if item == 2 {
		return strings.Repeat("w", 2*pieceBytes)
	}
	return strings.Repeat("w", pieceBytes/3)
}

func largeTraces() ptrace.Traces {
	data := ptrace.NewTraces()
	places(func(resource, scope, item int) {
		if scope+item == 0 {
			made := data.ResourceSpans().AppendEmpty()
			made.SetSchemaUrl("resource's")
			made.Resource().Attributes().PutInt("resource", int64(resource))
		}
		scopes := data.ResourceSpans().At(resource).ScopeSpans()
		if item == 0 {
			made := scopes.AppendEmpty()
			made.SetSchemaUrl("scope's")
			made.Scope().SetName(fmt.Sprint(scope))
		}
		span := scopes.At(scope).Spans().AppendEmpty()
		span.SetName(fmt.Sprint(resource, scope, item))
		span.Attributes().PutStr("words", words(item))
	})
	return data
}

func TestForwardsLargeRequestInPieces(t *testing.T) {
	var sizer ptrace.ProtoMarshaler
	var names []string
	pieces := 0
	require.NoError(t, tracesInPieces(largeTraces(), pieceBytes, func(piece ptrace.Traces) error {
		pieces++
		require.True(t, sizer.TracesSize(piece) < pieceBytes+200 || piece.SpanCount() == 1)
		for _, resource := range piece.ResourceSpans().All() {
			of, _ := resource.Resource().Attributes().Get("resource")
			require.Equal(t, "resource's", resource.SchemaUrl())
			for _, scope := range resource.ScopeSpans().All() {
				require.Equal(t, "scope's", scope.SchemaUrl())
				for _, span := range scope.Spans().All() {
					require.Equal(t, fmt.Sprint(of.AsString(), " ", scope.Scope().Name()), span.Name()[:3])
					names = append(names, span.Name())
				}
			}
		}
		return nil
	}))
	var want []string
	places(func(resource, scope, item int) { want = append(want, fmt.Sprint(resource, scope, item)) })
	require.Equal(t, want, names, "each once, in order")
	require.Equal(t, 8, pieces, "for each scope one of two spans, and one of the large one")
}

func TestForwardsSmallRequestUnchanged(t *testing.T) {
	data := largeTraces()
	require.NoError(t, tracesInPieces(data, 1<<20, func(piece ptrace.Traces) error {
		require.Equal(t, data, piece)
		return nil
	}))
}

func TestStopsAtFirstRefusedPiece(t *testing.T) {
	pieces := 0
	err := tracesInPieces(largeTraces(), pieceBytes, func(ptrace.Traces) error {
		if pieces++; pieces == 2 {
			return errors.New("full")
		}
		return nil
	})
	require.EqualError(t, err, "full")
	require.Equal(t, 2, pieces)
}

func TestLogsAreForwardedInPiecesToo(t *testing.T) {
	data := plog.NewLogs()
	places(func(resource, scope, item int) {
		if scope+item == 0 {
			data.ResourceLogs().AppendEmpty().Resource().Attributes().PutInt("resource", int64(resource))
		}
		scopes := data.ResourceLogs().At(resource).ScopeLogs()
		if item == 0 {
			scopes.AppendEmpty().Scope().SetName(fmt.Sprint(scope))
		}
		record := scopes.At(scope).LogRecords().AppendEmpty()
		record.SetEventName(fmt.Sprint(resource, scope, item))
		record.Body().SetStr(words(item))
	})
	var names []string
	pieces := 0
	require.NoError(t, logsInPieces(data, pieceBytes, func(piece plog.Logs) error {
		pieces++
		for _, resource := range piece.ResourceLogs().All() {
			of, _ := resource.Resource().Attributes().Get("resource")
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					require.Equal(t, fmt.Sprint(of.AsString(), " ", scope.Scope().Name()), record.EventName()[:3])
					names = append(names, record.EventName())
				}
			}
		}
		return nil
	}))
	var want []string
	places(func(resource, scope, item int) { want = append(want, fmt.Sprint(resource, scope, item)) })
	require.Equal(t, want, names)
	require.Equal(t, 8, pieces)
}

func TestEachPieceGoesThroughAllBeforeTheNext(t *testing.T) {
	var order []string
	cfg := lastOf(stores, lines)
	cfg.PieceBytes = pieceBytes
	first, last := &branch{name: "audit", order: &order}, &branch{name: "stores", order: &order, mutates: true}
	made := makeTraces(t, cfg, map[pipeline.ID]consumer.Traces{audit: first, stores: last})
	require.True(t, made.Capabilities().MutatesData, "it takes the pieces out")
	require.NoError(t, made.ConsumeTraces(context.Background(), largeTraces()))
	require.Equal(t, strings.Repeat("audit stores ", 8), strings.Join(order, " ")+" ")

	order = nil
	forLogs, err := NewFactory().CreateLogsToLogs(context.Background(), connector.Settings{ID: component.NewID(NewFactory().Type())},
		cfg, connector.NewLogsRouter(map[pipeline.ID]consumer.Logs{beside: first, lines: last}))
	require.NoError(t, err)
	data := plog.NewLogs()
	records := data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr(words(2))
	records.AppendEmpty().Body().SetStr(words(2))
	require.NoError(t, forLogs.ConsumeLogs(context.Background(), data))
	require.Equal(t, []string{"audit", "stores", "audit", "stores"}, order)
}
