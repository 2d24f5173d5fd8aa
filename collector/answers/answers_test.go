package answers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"go.opentelemetry.io/collector/consumer/consumertest"

	"otelgate/collector/intake"
	"otelgate/collector/wire"
)

// made is the extension with a limit of 1 MiB.
func made(t *testing.T) (*middleware, *componenttest.Telemetry) {
	telemetry := componenttest.NewTelemetry()
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	extension, err := create(context.Background(), set, &Config{Limit: wire.Limit{MaxMessageMiB: 1}})
	require.NoError(t, err)
	return extension.(*middleware), telemetry
}

// refuse does what a pipeline does with two spans, of which one has no ids.
func refuse(t *testing.T, ctx context.Context) {
	set := processortest.NewNopSettings(intake.NewFactory().Type())
	p, err := intake.NewFactory().CreateTraces(ctx, set, intake.NewFactory().CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	spans.AppendEmpty()
	spans.AppendEmpty().SetTraceID([16]byte{1})
	spans.At(1).SetSpanID([8]byte{1})
	require.NoError(t, p.ConsumeTraces(ctx, td))
}

// like is a receiver's handler: it reads the body, answers 400 where it cannot, and 200 in two steps.
func like(consume func(context.Context)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(err.Error()))
			return
		}
		consume(r.Context())
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("{}"))
	})
}

func served(t *testing.T, m *middleware, consume func(context.Context)) string {
	wrap, err := m.GetHTTPHandler(context.Background())
	require.NoError(t, err)
	handler, err := wrap(context.Background(), like(consume))
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestHTTPRequestBelowAtAndAboveTheLimit(t *testing.T) {
	m, telemetry := made(t)
	url := served(t, m, func(context.Context) {})
	for _, each := range []struct{ size, status int }{{1<<20 - 1, 200}, {1 << 20, 200}, {1<<20 + 1, 413}, {40 << 20, 413}} {
		answer, err := http.Post(url+"/v1/traces", "application/json", bytes.NewReader(make([]byte, each.size)))
		require.NoError(t, err, each.size)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, each.status, answer.StatusCode, each.size)
		if each.status == 413 {
			require.Equal(t, "larger than OTELGATE_MAX_MESSAGE_MIB=1 MiB: send it in parts", string(text))
		}
	}
	require.EqualValues(t, 2, refused(t, telemetry))
}

func TestTooLargeRequestNamesTheMemoryLimit(t *testing.T) {
	m, _ := made(t)
	m.cfg.MemoryLimitMiB = 80
	url := served(t, m, func(context.Context) {})
	answer, err := http.Post(url+"/v1/traces", "application/json", bytes.NewReader(make([]byte, 1<<20+1)))
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, 413, answer.StatusCode)
	require.Equal(t, "larger than 1 MiB, for more of which OTELGATE_MEMORY_LIMIT_MIB=80 has no room: send it in parts", string(text))
}

func refused(t *testing.T, telemetry *componenttest.Telemetry) (n int64) {
	got, err := telemetry.GetMetric("otelgate.intake.requests")
	require.NoError(t, err)
	for _, point := range got.Data.(metricdata.Sum[int64]).DataPoints {
		n += point.Value
	}
	return n
}

func TestHTTPAnswerOfUnreadableBodyIsUnchanged(t *testing.T) {
	m, _ := made(t)
	wrap, err := m.GetHTTPHandler(context.Background())
	require.NoError(t, err)
	handler, err := wrap(context.Background(), like(func(context.Context) {}))
	require.NoError(t, err)
	for _, kind := range []string{"application/json", "application/x-protobuf"} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, "/v1/traces", broken{})
		request.Header.Set("Content-Type", kind)
		handler.ServeHTTP(recorder, request)
		require.Equal(t, http.StatusBadRequest, recorder.Code)
		require.Equal(t, "torn", recorder.Body.String())
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("torn") }

func TestHTTPAnswerReportsRefusedItems(t *testing.T) {
	m, _ := made(t)
	url := served(t, m, func(ctx context.Context) { refuse(t, ctx) })
	for _, kind := range []string{"application/json", "application/x-protobuf"} {
		answer, err := http.Post(url+"/v1/traces", kind, strings.NewReader("{}"))
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, 200, answer.StatusCode)
		said := ptraceotlp.NewExportResponse()
		if kind == "application/json" {
			require.NoError(t, said.UnmarshalJSON(body))
		} else {
			require.NoError(t, said.UnmarshalProto(body))
		}
		require.EqualValues(t, 1, said.PartialSuccess().RejectedSpans())
		require.Equal(t, "1 refused, most with the reason trace_id; see docs/reference/limits.md", said.PartialSuccess().ErrorMessage())
	}
}

func TestPartialSuccessOfEachSignal(t *testing.T) {
	logs := plogotlp.NewExportResponse()
	require.NoError(t, logs.UnmarshalProto(partial("/opentelemetry.proto.collector.logs.v1.LogsService/Export", 3, "why", false)))
	require.EqualValues(t, 3, logs.PartialSuccess().RejectedLogRecords())
	metrics := pmetricotlp.NewExportResponse()
	require.NoError(t, metrics.UnmarshalJSON(partial("/v1/metrics", 4, "why", true)))
	require.EqualValues(t, 4, metrics.PartialSuccess().RejectedDataPoints())
	require.Nil(t, partial("/v1development/profiles", 1, "why", false))
}

// traceServer is a receiver in whose pipeline something is refused.
type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	t *testing.T
}

func (s *traceServer) Export(ctx context.Context, _ ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	refuse(s.t, ctx)
	return ptraceotlp.NewExportResponse(), nil
}

func TestGRPCAnswerReportsRefusedItemsAndCountsTooLargeRequests(t *testing.T) {
	m, telemetry := made(t)
	options, err := m.GetGRPCServerOptions(context.Background())
	require.NoError(t, err)
	server := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(1<<20))...)
	ptraceotlp.RegisterGRPCServer(server, &traceServer{t: t})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	client := ptraceotlp.NewGRPCClient(connection)

	said, err := client.Export(context.Background(), ptraceotlp.NewExportRequest())
	require.NoError(t, err)
	require.EqualValues(t, 1, said.PartialSuccess().RejectedSpans())

	large := ptrace.NewTraces()
	large.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("large", strings.Repeat("x", 1<<20))
	_, err = client.Export(context.Background(), ptraceotlp.NewExportRequestFromTraces(large))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.Eventually(t, func() bool {
		_, err := telemetry.GetMetric("otelgate.intake.requests")
		return err == nil && refused(t, telemetry) == 1
	}, time.Minute, 10*time.Millisecond)
}

func TestConfigIsChecked(t *testing.T) {
	require.EqualError(t, (&Config{}).Validate(), "max_message_mib='0': expected at least 1")
	require.NoError(t, NewFactory().CreateDefaultConfig().(*Config).Validate())
}
