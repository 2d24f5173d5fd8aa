package admission

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"otelgate/collector/applications"
)

func newMiddleware(t *testing.T, cfg Config) *middleware {
	t.Helper()
	cfg.Factor, cfg.MaxMessageMiB = max(cfg.Factor, 1), max(cfg.MaxMessageMiB, 16)
	made, err := create(context.Background(), extension.Settings{TelemetrySettings: componenttest.NewNopTelemetrySettings()}, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := made.(*middleware)
	if err := m.Ready(); err != nil {
		t.Fatal(err)
	}
	return m
}

// server is a gRPC and an HTTP server behind the middleware, which hold each request until the test releases it.
type server struct {
	ptraceotlp.UnimplementedGRPCServer
	middleware *middleware
	connection *grpc.ClientConn
	client     ptraceotlp.GRPCClient
	http       http.Handler
	entered    chan struct{}
	release    chan struct{}
	spans      atomic.Int64
	address    string
}

func newServer(t *testing.T, cfg Config) *server {
	t.Helper()
	s := &server{middleware: newMiddleware(t, cfg), entered: make(chan struct{}, 100), release: make(chan struct{})}
	options, err := s.middleware.GetGRPCServerOptions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running := grpc.NewServer(options...)
	ptraceotlp.RegisterGRPCServer(running, s)
	go func() { _ = running.Serve(listener) }()
	t.Cleanup(running.Stop)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	s.address = listener.Addr().String()
	s.connection, s.client = connection, ptraceotlp.NewGRPCClient(connection)
	wrap, _ := s.middleware.GetHTTPHandler(context.Background())
	s.http, _ = wrap(context.Background(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		s.hold()
	}))
	return s
}

func (s *server) hold() {
	s.entered <- struct{}{}
	<-s.release
}

func (s *server) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.spans.Add(int64(request.Traces().SpanCount()))
	s.hold()
	return ptraceotlp.NewExportResponse(), nil
}

func (s *server) send(size int) error {
	traces := ptrace.NewTraces()
	traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(strings.Repeat("x", size))
	_, err := s.client.Export(context.Background(), ptraceotlp.NewExportRequestFromTraces(traces))
	return err
}

func (s *server) post(kind string, body []byte) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
	request.Header.Set("Content-Type", kind)
	answer := httptest.NewRecorder()
	s.http.ServeHTTP(answer, request)
	return answer
}

var small = Config{ReceiveBytes: 4 << 20, ProcessBytes: 100_000, Factor: 10, Wait: 50 * time.Millisecond}

func TestRequestsBeyondTheMemoryAreRefusedAndLaterTaken(t *testing.T) {
	s := newServer(t, small)
	first := make(chan error)
	go func() { first <- s.send(9_000) }()
	<-s.entered
	if err := s.send(9_000); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "OTELGATE_MEMORY_LIMIT_MIB") {
		t.Errorf("a second request: %v, want Unavailable and the setting", err)
	}
	if got := s.spans.Load(); got != 1 {
		t.Errorf("%d spans were decoded, want 1", got)
	}
	if answer := s.post("application/json", make([]byte, 9_000)); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" ||
		!strings.Contains(answer.Body.String(), "OTELGATE_MEMORY_LIMIT_MIB") {
		t.Errorf("over HTTP: %d %s", answer.Code, answer.Body)
	}
	close(s.release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	for range 20 { // all that was taken is given back
		if err := s.send(9_000); err != nil {
			t.Fatal(err)
		}
		if answer := s.post("application/json", make([]byte, 9_000)); answer.Code != http.StatusOK {
			t.Fatal(answer.Code, answer.Body)
		}
	}
}

func TestRequestsBeforeThePipelinesAreStartedWaitOrAreRefused(t *testing.T) {
	s := newServer(t, small)
	close(s.release)
	s.middleware.gate.started = make(chan struct{})
	if err := s.send(10); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "is starting") {
		t.Errorf("gRPC: %v", err)
	}
	if answer := s.post("application/json", make([]byte, 10)); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("HTTP: %d %s", answer.Code, answer.Body)
	}
	if got := s.spans.Load(); got != 0 {
		t.Errorf("%d spans were decoded", got)
	}
	s.middleware.cfg.Wait = time.Minute
	waiting := make(chan error)
	go func() { waiting <- s.send(10) }()
	if err := s.middleware.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Error(err)
	}
}

func TestRequestWaitsForItsTurn(t *testing.T) {
	cfg := small
	cfg.Wait = time.Minute
	s := newServer(t, cfg)
	s.middleware.gate.expected.bytes = 0
	answers := make(chan error)
	for range 5 {
		go func() { answers <- s.send(9_000) }()
	}
	for range 5 {
		<-s.entered
		s.release <- struct{}{}
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

func TestRequestLargerThanTheMemoryGoesAlone(t *testing.T) {
	s := newServer(t, small)
	close(s.release)
	if err := s.send(1_000_000); err != nil {
		t.Error(err)
	}
	if answer := s.post("application/json", make([]byte, 1_000_000)); answer.Code != http.StatusOK {
		t.Error(answer.Code)
	}
}

func TestMoreThanCanBeReceivedIsRefusedUnread(t *testing.T) {
	s := newServer(t, Config{ReceiveBytes: 2 << 20, ProcessBytes: 1 << 30, Wait: time.Minute})
	for range firstShare {
		held, err := s.middleware.gate.receive(context.Background(), -1)
		if err != nil {
			t.Fatal(err)
		}
		defer held.release()
	}
	if err := s.send(10); status.Code(err) != codes.Unavailable {
		t.Errorf("gRPC: %v", err)
	}
	if answer := s.post("application/json", make([]byte, 10)); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("HTTP: %d", answer.Code)
	}
}

func TestReportsFullDiskToSender(t *testing.T) {
	s := newServer(t, small)
	s.middleware.gate.disk = full{}
	if err := s.send(10); status.Code(err) != codes.Unavailable || status.Convert(err).Message() != "no room in /x" {
		t.Errorf("gRPC: %v", err)
	}
	if answer := s.post("application/json", make([]byte, 10)); answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "no room in /x") {
		t.Errorf("HTTP: %d %s", answer.Code, answer.Body)
	}
}

type full struct{}

func (full) Refusal(int64) error { return errors.New("no room in /x") }

func TestReceiverAnswersUnreadableBody(t *testing.T) {
	s := newServer(t, small)
	request := httptest.NewRequest(http.MethodPost, "/v1/traces", nil)
	answer := httptest.NewRecorder()
	request.Body = http.MaxBytesReader(answer, io.NopCloser(strings.NewReader("0123456789")), 5)
	s.http.ServeHTTP(answer, request)
	if answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", answer.Code, answer.Body)
	}
}

func TestBodyArrivesWholeForAnyDeclaredLength(t *testing.T) {
	m := newMiddleware(t, Config{ReceiveBytes: 1000, ProcessBytes: 1 << 20, Factor: 1, Wait: time.Second})
	wrap, _ := m.GetHTTPHandler(context.Background())
	var got []byte
	handler, _ := wrap(context.Background(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
	sent := bytes.Repeat([]byte("0123456789"), 500)
	for _, said := range []int64{-1, 10, int64(len(sent)), 1 << 50} {
		request := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(sent))
		request.ContentLength = said
		handler.ServeHTTP(httptest.NewRecorder(), request)
		if !bytes.Equal(got, sent) {
			t.Errorf("said to have %d bytes: %d of %d came", said, len(got), len(sent))
		}
	}
}

func TestLeavesOutItemsThatWouldFailTheRequest(t *testing.T) {
	m := newMiddleware(t, Config{ReceiveBytes: 1000, ProcessBytes: 1 << 20, Factor: 1, Wait: time.Second})
	wrap, _ := m.GetHTTPHandler(context.Background())
	text := `{"a":null,"traceId":"abc"}`
	for kind, want := range map[string]string{
		"application/json": `{"traceId":""}`, "application/json; charset=utf-8": `{"traceId":""}`, "text/plain": text,
	} {
		var got []byte
		handler, _ := wrap(context.Background(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
		request := httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader(text))
		request.Header.Set("Content-Type", kind)
		handler.ServeHTTP(httptest.NewRecorder(), request)
		if string(got) != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestManySmallItemsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	s := newServer(t, Config{ReceiveBytes: 64 << 20, ProcessBytes: 64 << 20, Factor: 1, Wait: time.Second})
	close(s.release)
	const count = 16 << 20 / 64
	for spans, taken := range map[int]bool{count / 2: true, count: false, 2 * count: false} {
		inScope := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), bytes.Repeat([]byte{2<<3 | 2, 0}, spans))
		request := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inScope)
		s.spans.Store(0)
		err := s.connection.Invoke(context.Background(), export, request, &[]byte{}, grpc.ForceCodec(raw{}))
		asJSON := `{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Repeat("{},", spans-1) + `{}]}]}]}`
		answers := []*httptest.ResponseRecorder{s.post("application/x-protobuf", request), s.post("application/json", []byte(asJSON))}
		if taken {
			if err != nil || s.spans.Load() != int64(spans) || answers[0].Code != http.StatusOK || answers[1].Code != http.StatusOK {
				t.Errorf("%d spans: %d arrived over gRPC, %v; HTTP answers %d and %d", spans, s.spans.Load(), err, answers[0].Code, answers[1].Code)
			}
			continue
		}
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "larger than max, OTELGATE_MAX_MESSAGE_MIB=16 MiB") {
			t.Errorf("%d spans over gRPC: %v, want ResourceExhausted and the setting", spans, err)
		}
		if s.spans.Load() != 0 {
			t.Errorf("%d spans were decoded", s.spans.Load())
		}
		for _, answer := range answers {
			if answer.Code != http.StatusRequestEntityTooLarge || !strings.Contains(answer.Body.String(), "OTELGATE_MAX_MESSAGE_MIB=16 MiB") ||
				answer.Header().Get("Retry-After") != "" {
				t.Errorf("%d spans over HTTP: %d %s", spans, answer.Code, answer.Body)
			}
		}
	}
}

func TestSmallItemsTakeAsMuchMemoryAsTheyCountAs(t *testing.T) {
	s := newServer(t, small)
	first := make(chan error)
	go func() { first <- s.send(10) }()
	<-s.entered
	few := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), bytes.Repeat([]byte{2<<3 | 2, 0}, 200))
	if answer := s.post("application/x-protobuf", few); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("%d bytes of 200 scopes: %d, want 503, since they count as 12,800", len(few), answer.Code)
	}
	s.release <- struct{}{}
	<-first
}

// senders accepts requests with the token.
type senders struct{ component.Component }

func (senders) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	if given := headers["authorization"]; len(given) != 1 || given[0] != "Bearer good" {
		return ctx, errors.New("no token")
	}
	return ctx, nil
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func TestSenderWithoutATokenIsRefusedBeforeItsMessageIsRead(t *testing.T) {
	id := component.MustNewID("senders")
	s := newServer(t, Config{ReceiveBytes: 4 << 20, ProcessBytes: 1 << 20, Factor: 1, Wait: time.Second, Auth: &Auth{id}})
	close(s.release)
	if err := s.middleware.Start(context.Background(), host{id: senders{}}); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]codes.Code{"": codes.Unauthenticated, "Bearer bad": codes.Unauthenticated, "Bearer good": codes.OK} {
		ctx := context.Background()
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", token)
		}
		s.middleware.gate.expected.bytes = 0
		// The message is no protobuf; so one that is read gets another answer.
		err := s.connection.Invoke(ctx, export, []byte{0x0a, 0xff}, &[]byte{}, grpc.ForceCodec(raw{}))
		if want == codes.OK {
			want = codes.Internal
		}
		if status.Code(err) != want {
			t.Errorf("token %q: %v, want %s", token, err, want)
		}
		if read := s.middleware.gate.expected.bytes > 0; read != (want == codes.Internal) {
			t.Errorf("token %q: the message was read: %t", token, read)
		}
	}
}

// known is the extension that knows the application `shop`, with these limits, by the token "t".
func known(t *testing.T, limits string) extensionauth.Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "applications.yaml")
	content := fmt.Sprintf("applications:\n  - {name: shop, token_sha256: [%x], %s}\n", sha256.Sum256([]byte("t")), limits)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := applications.NewFactory().CreateDefaultConfig().(*applications.Config)
	cfg.File = file
	made, err := applications.NewFactory().Create(context.Background(), extensiontest.NewNopSettings(applications.NewFactory().Type()), cfg)
	if err == nil {
		err = made.Start(context.Background(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Shutdown(context.Background()) })
	return made.(extensionauth.Server)
}

func TestApplicationBeyondItsLimitIsRefusedAndItsNeighbourServed(t *testing.T) {
	for limits, named := range map[string]string{"requests_per_second: 0.0001": "requests_per_second=0.0001", "mib_per_second: 0.0001": "mib_per_second=0.0001"} {
		shop, neighbour := known(t, limits), known(t, "team: a")
		overGRPC := func(s *server, auth extensionauth.Server) error {
			s.middleware.auth = auth
			ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer t")
			return s.connection.Invoke(ctx, export, make([]byte, 0, 200), &[]byte{}, grpc.ForceCodec(raw{}))
		}
		overHTTP := func(s *server, auth extensionauth.Server) *httptest.ResponseRecorder {
			ctx, err := auth.Authenticate(context.Background(), map[string][]string{"authorization": {"Bearer t"}})
			if err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/traces", bytes.NewReader(make([]byte, 200)))
			answer := httptest.NewRecorder()
			s.http.ServeHTTP(answer, request)
			return answer
		}
		s := newServer(t, Config{ReceiveBytes: 4 << 20, ProcessBytes: 4 << 20, Wait: time.Second})
		close(s.release)
		if answer := overHTTP(s, shop); answer.Code != http.StatusOK {
			t.Errorf("%s: the first: %d %s", named, answer.Code, answer.Body)
		}
		if answer := overHTTP(s, shop); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || !strings.Contains(answer.Body.String(), named) {
			t.Errorf("%s: the second: %d %s", named, answer.Code, answer.Body)
		}
		if err := overGRPC(s, shop); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: over gRPC: %v", named, err)
		}
		if answer := overHTTP(s, neighbour); answer.Code != http.StatusOK {
			t.Errorf("%s: the neighbour: %d %s", named, answer.Code, answer.Body)
		}
		if err := overGRPC(s, neighbour); err != nil {
			t.Errorf("%s: the neighbour over gRPC: %v", named, err)
		}
	}
}

func TestMessageOverGRPCCountsForItsApplication(t *testing.T) {
	s := newServer(t, Config{ReceiveBytes: 4 << 20, ProcessBytes: 4 << 20, Wait: time.Second})
	close(s.release)
	s.middleware.auth = known(t, "mib_per_second: 0.0001")
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer t")
	spans := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), bytes.Repeat([]byte{2<<3 | 2, 0}, 20))
	if err := s.connection.Invoke(ctx, export, spans, &[]byte{}, grpc.ForceCodec(raw{})); err != nil {
		t.Fatal(err)
	}
	if err := s.connection.Invoke(ctx, export, spans, &[]byte{}, grpc.ForceCodec(raw{})); status.Code(err) != codes.Unavailable {
		t.Errorf("the second: %v", err)
	}
}

func TestRefusesExtensionThatIsNotAnAuthenticator(t *testing.T) {
	id := component.MustNewID("senders")
	m := newMiddleware(t, Config{ReceiveBytes: 1, ProcessBytes: 1, Auth: &Auth{id}})
	if err := m.Start(context.Background(), host{}); err == nil || !strings.Contains(err.Error(), "auth::authenticator='senders': expected an extension that knows senders") {
		t.Errorf("%v", err)
	}
}

const export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

func TestSpanWithAWrongIDArrivesOverGRPC(t *testing.T) {
	s := newServer(t, Config{ReceiveBytes: 4 << 20, ProcessBytes: 1 << 20, Factor: 1, Wait: time.Second})
	close(s.release)
	message := func(number byte, content ...byte) []byte {
		return append([]byte{number<<3 | 2, byte(len(content))}, content...)
	}
	spans := append(message(2, message(1, 1, 2, 3)...), message(2, message(5, 'a')...)...)
	request := message(1, message(2, spans...)...)
	err := s.connection.Invoke(context.Background(), export, request, &[]byte{}, grpc.ForceCodec(raw{}))
	if err != nil || s.spans.Load() != 2 {
		t.Errorf("%d spans arrived, want 2: %v", s.spans.Load(), err)
	}
}

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) { return message.([]byte), nil }

func (raw) Unmarshal([]byte, any) error { return nil }

func (raw) Name() string { return "proto" }

func TestEstimateRisesImmediatelyAndFallsSlowly(t *testing.T) {
	e := estimate{bytes: 1 << 20}
	e.saw(8 << 20)
	if got := e.size(); got != 8<<20 {
		t.Errorf("after one of 8 MiB: %d", got)
	}
	e.saw(0)
	if got := e.size(); got < 7<<20 || got >= 8<<20 {
		t.Errorf("after a small one: %d", got)
	}
	for range 100 {
		e.saw(0)
	}
	if got := e.size(); got != leastEstimate {
		t.Errorf("after a hundred small ones: %d", got)
	}
}

func TestConfigFaults(t *testing.T) {
	err := (&Config{}).Validate()
	for _, want := range []string{"receive_bytes='0': expected at least 1", "process_bytes='0': expected at least 1", "factor='0': expected at least 1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
