package stores

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"otelgate/collector/diskqueue"
	"otelgate/collector/rejects"
	"otelgate/collector/storeanswers"
)

// store is a fake one. Its answer depends on the names of the items in a request.
type store struct {
	*httptest.Server

	mu     sync.Mutex
	answer func(names []string) int
	got    map[string]int // how often it took which item
	asked  int            // requests
}

func newStore(t *testing.T, answer func(names []string) int) *store {
	t.Helper()
	s := &store{answer: answer, got: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	names := namesOf(r.URL.Path, body)
	s.mu.Lock()
	s.asked++
	answer := s.answer
	s.mu.Unlock()
	code := answer(names)
	if code == http.StatusOK {
		s.mu.Lock()
		for _, name := range names {
			s.got[name]++
		}
		s.mu.Unlock()
	}
	w.WriteHeader(code)
	if code != http.StatusOK {
		_, _ = io.WriteString(w, "the store's words")
	}
}

func namesOf(path string, body []byte) (names []string) {
	if strings.HasSuffix(path, "traces") {
		request := ptraceotlp.NewExportRequest()
		if request.UnmarshalProto(body) == nil {
			for _, resource := range request.Traces().ResourceSpans().All() {
				for _, span := range resource.ScopeSpans().At(0).Spans().All() {
					names = append(names, span.Name())
				}
			}
		}
		return names
	}
	request := plogotlp.NewExportRequest()
	if request.UnmarshalProto(body) == nil {
		for _, resource := range request.Logs().ResourceLogs().All() {
			for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
				names = append(names, record.EventName())
			}
		}
	}
	return names
}

func (s *store) answers(answer func(names []string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *store) taken() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := map[string]int{}
	for name, times := range s.got {
		copied[name] = times
	}
	return copied
}

func (s *store) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// refusing says which items a store does not take, by the beginning of their names.
func refusing(begin string, code int) func([]string) int {
	return func(names []string) int {
		for _, name := range names {
			if strings.HasPrefix(name, begin) {
				return code
			}
		}
		return http.StatusOK
	}
}

func spans(names ...string) ptrace.Traces {
	data := ptrace.NewTraces()
	for n, name := range names { // of two resources, by turns
		if n < 2 {
			of := data.ResourceSpans().AppendEmpty()
			of.Resource().Attributes().PutStr("service.name", "shop")
			of.Resource().Attributes().PutStr("otelgate.application", "retail")
			of.ScopeSpans().AppendEmpty()
		}
		span := data.ResourceSpans().At(n % 2).ScopeSpans().At(0).Spans().AppendEmpty()
		span.SetName(name)
		span.SetTraceID([16]byte{1})
		span.SetSpanID([8]byte{byte(n + 1)})
		span.Attributes().PutStr("words", "hush")
	}
	return data
}

func records(names ...string) plog.Logs {
	data := plog.NewLogs()
	all := data.ResourceLogs().AppendEmpty()
	all.Resource().Attributes().PutStr("service.name", "shop")
	all.ScopeLogs().AppendEmpty()
	for _, name := range names {
		record := all.ScopeLogs().At(0).LogRecords().AppendEmpty()
		record.SetEventName(name)
		record.Body().SetStr("hush")
	}
	return data
}

// book keeps what was rejected.
type book struct {
	component.StartFunc
	component.ShutdownFunc
	mu    sync.Mutex
	items []rejects.Item
}

func (b *book) Reject(_ context.Context, item rejects.Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item)
}

func (b *book) all() []rejects.Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]rejects.Item{}, b.items...)
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// bench is a started exporter, and what it keeps.
type bench struct {
	traces    exporter.Traces
	logs      exporter.Logs
	queues    *diskqueue.Queues
	book      *book
	telemetry *componenttest.Telemetry
	stop      func()
}

const usual = `
retry_on_failure: {initial_interval: 10ms, max_interval: 50ms, max_elapsed_time: 0}
sending_queue: {storage: disk_queue, sizer: bytes, queue_size: 10000000, num_consumers: 1, batch: {sizer: bytes, max_size: 3000000, flush_timeout: 10ms}}
refused: {rejects: rejects, piece_bytes: 100000}
compression: none
middlewares: [{id: store_answers}]
`

func started(t *testing.T, folder, endpoint, config string) *bench {
	t.Helper()
	ctx := context.Background()
	b := &bench{book: &book{}, telemetry: componenttest.NewTelemetry()}
	settings := b.telemetry.NewTelemetrySettings()
	make := func(factory extension.Factory, cfg component.Config) component.Component {
		made, err := factory.Create(ctx, extension.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: settings}, cfg)
		require.NoError(t, err)
		return made
	}
	disk := diskqueue.NewFactory().CreateDefaultConfig().(*diskqueue.Config)
	disk.Directory, disk.ReserveBytes = folder, 1
	b.queues = make(diskqueue.NewFactory(), disk).(*diskqueue.Queues)
	answers := make(storeanswers.NewFactory(), storeanswers.NewFactory().CreateDefaultConfig())
	extensions := host{component.NewID(diskqueue.Type): b.queues, component.MustNewID("store_answers"): answers, component.MustNewID("rejects"): b.book}
	require.NoError(t, b.queues.Start(ctx, extensions))

	factory := httpFactory()
	cfg := factory.CreateDefaultConfig()
	raw, err := confmap.NewRetrievedFromYAML([]byte("endpoint: " + endpoint + "\n" + config))
	require.NoError(t, err)
	conf, err := raw.AsConf()
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(cfg))
	set := exporter.Settings{ID: component.MustNewIDWithName("otlp_http", "loki"), TelemetrySettings: settings}
	b.traces, err = factory.CreateTraces(ctx, set, cfg)
	require.NoError(t, err)
	b.logs, err = factory.CreateLogs(ctx, set, cfg)
	require.NoError(t, err)
	require.NoError(t, b.traces.Start(ctx, extensions))
	require.NoError(t, b.logs.Start(ctx, extensions))
	var once sync.Once
	b.stop = func() {
		once.Do(func() {
			require.NoError(t, b.traces.Shutdown(ctx))
			require.NoError(t, b.logs.Shutdown(ctx))
			require.NoError(t, b.queues.Shutdown(ctx))
		})
	}
	t.Cleanup(b.stop)
	return b
}

// snapshot copies the queues' files as they are: what a killed process leaves.
func snapshot(t *testing.T, folder string) string {
	t.Helper()
	to := t.TempDir()
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, each := range files {
		content, err := os.ReadFile(filepath.Join(folder, each.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, each.Name()), content, 0o600))
	}
	return to
}

// httpFactory is as package otlphttp makes it.
func httpFactory() exporter.Factory {
	return Wrap(otlphttpexporter.NewFactory(), func(c *otlphttpexporter.Config) (*QueueConfig, *configretry.BackOffConfig) {
		return &c.QueueConfig, &c.RetryConfig
	})
}

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == diskqueue.CheckCommand { // the queues check their files in a separate process
		os.Exit(diskqueue.CheckMain(os.Args[2]))
	}
	os.Exit(m.Run())
}
