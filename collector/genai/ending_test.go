package genai

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
)

// failedSpan is a chat that failed with an exception, as instrumentors write it.
func failedSpan(kind, message, status string, with map[string]any) ptrace.Traces {
	all := map[string]any{operationName: "chat", "gen_ai.request.model": "gpt-4o"}
	for name, value := range with {
		all[name] = value
	}
	traces := request(span{id: 1, with: all})
	made := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	made.Status().SetCode(ptrace.StatusCodeError)
	made.Status().SetMessage(status)
	if kind != "" {
		event := made.Events().AppendEmpty()
		event.SetName(exceptionEvent)
		event.Attributes().PutStr(exceptionType, kind)
		event.Attributes().PutStr(exceptionText, message)
	}
	return traces
}

func TestCancelledSpanIsNotAnError(t *testing.T) {
	type with = map[string]any
	for _, one := range []struct {
		what, kind, message, status string
		with                        with
		want                        bool
	}{
		{"asyncio", "asyncio.exceptions.CancelledError", "", "CancelledError()", nil, true},
		{"a dropped generator", "GeneratorExit", "", "", nil, true},
		{"the status alone", "", "", "GeneratorExit()Traceback (most recent call last): …", nil, true},
		{"error.type alone", "", "", "", with{errorType: "asyncio.CancelledError"}, true},
		{"JavaScript", "AbortError", "This operation was aborted", "", nil, true},
		{"Java", "java.util.concurrent.CancellationException", "", "", nil, true},
		{"a nested class", "io.acme.Calls$JobCancellationException", "", "", nil, true},
		{".NET", "System.Threading.Tasks.TaskCanceledException", "A task was canceled.", "", nil, true},
		{"Go", "*errors.errorString", "context canceled", "", nil, true},
		{"Go, wrapped", "*fmt.wrapError", "ask the model: context canceled", "", nil, true},
		{"gRPC", "", "", "rpc error: code = Canceled desc = context canceled", nil, true},

		{".NET's time-out", "System.Threading.Tasks.TaskCanceledException", "The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.", "", nil, false},
		{"Go's time-out", "context.deadlineExceededError", "context deadline exceeded", "", nil, false},
		{"a time-out", "TimeoutError", "", "", nil, false},
		{"another error that says so", "ValueError", "order 7: Cancelled", "", nil, false},
		{"error.type wins", "GeneratorExit", "", "", with{errorType: "openai.RateLimitError"}, false},
		{"interrupted by hand", "KeyboardInterrupt", "", "", nil, false},
	} {
		t.Run(one.what, func(t *testing.T) {
			g := newGate(t)
			require.NoError(t, g.ConsumeTraces(context.Background(), failedSpan(one.kind, one.message, one.status, one.with)))
			got := g.sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			attributes := got.Attributes().AsRaw()
			if !one.want {
				require.Equal(t, ptrace.StatusCodeError, got.Status().Code())
				require.NotContains(t, attributes, cancelled)
				require.Contains(t, attributes, errorType)
				return
			}
			require.Equal(t, ptrace.StatusCodeUnset, got.Status().Code())
			require.Empty(t, got.Status().Message())
			require.Equal(t, true, attributes[cancelled])
			require.NotContains(t, attributes, errorType)
			requireCounted(t, g, "otelgate.genai.cancelled", attribute.KeyValue{}, 1)
		})
	}
}

func TestCancelledOrdinarySpanIsNotAnError(t *testing.T) {
	got := newGate(t).send(t, span{id: 1, failed: "asyncio.CancelledError()", with: map[string]any{"http.route": "/chat"}})[0]
	require.Equal(t, ptrace.StatusCodeUnset, got.Status().Code())
	require.Equal(t, true, got.Attributes().AsRaw()[cancelled])
}

func TestCancelledDuplicateThatArrivesFirstIsNotAnError(t *testing.T) {
	inner := provider(2, 1)
	inner.failed = "GeneratorExit()"
	got := newGate(t).send(t, inner, framework(1, 9))
	require.Equal(t, ptrace.StatusCodeUnset, got[0].Status().Code())
	require.NotContains(t, got[0].Attributes().AsRaw(), errorType)
	require.Equal(t, "0200000000000000", got[1].Attributes().AsRaw()[duplicateOf])
}
