package diskqueue

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"otelgate/collector/disk"
)

var exporterID = component.MustNewIDWithName("otlp_grpc", "audit")

const exporterFile = "exporter_otlp_grpc_audit_traces"

// TestMain is also the process that checks a file, as the gateway's main is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == CheckCommand {
		os.Exit(CheckMain(os.Args[2]))
	}
	os.Exit(m.Run())
}

// world is the Collector's own exporter with its queue in our storage, on a disk that can be full, before a store that
// can be away.
type world struct {
	t      *testing.T
	folder string
	queues *Queues
	out    exporter.Traces
	full   atomic.Bool // every write fails
	free   atomic.Int64
	away   atomic.Bool

	mu     sync.Mutex
	stored map[string]int
}

func newWorld(t *testing.T, folder string) *world {
	t.Helper()
	w := &world{t: t, folder: folder, stored: map[string]int{}}
	w.free.Store(1 << 40)
	return w
}

func (w *world) start() {
	w.t.Helper()
	ctx := context.Background()
	set := extension.Settings{ID: component.NewID(Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	set.Logger = zap.NewNop()
	made, err := create(ctx, set, &Config{Directory: w.folder, ReserveBytes: 1 << 20, CompactMiB: 100, QueueSize: 1, QueueBytes: 1, Queues: 1})
	w.must(err)
	w.queues = made.(*Queues)
	w.queues.space = func(string) (disk.Space, error) { return disk.Space{Free: w.free.Load(), Total: 1 << 40}, nil }
	w.queues.next = failing{w.queues.next, &w.full}
	w.must(w.queues.Start(ctx, componenttest.NewNopHost()))

	cfg := exporterhelper.NewDefaultQueueConfig()
	cfg.Sizer = exporterhelper.RequestSizerTypeBytes
	cfg.QueueSize = 100 << 20
	id := component.NewID(Type)
	cfg.StorageID = &id
	cfg.Batch = configoptional.Some(exporterhelper.BatchConfig{Sizer: exporterhelper.RequestSizerTypeBytes, MaxSize: 10_000, FlushTimeout: time.Millisecond})
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Millisecond, 5*time.Millisecond, 0
	exp := exporter.Settings{ID: exporterID, TelemetrySettings: set.TelemetrySettings}
	w.out, err = exporterhelper.NewTraces(ctx, exp, &struct{}{}, w.store, exporterhelper.WithQueue(configoptional.Some(cfg)), exporterhelper.WithRetry(retry))
	w.must(err)
	w.must(w.out.Start(ctx, host{w.queues}))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stop() {
	w.t.Helper()
	w.must(w.out.Shutdown(context.Background()))
	w.must(w.queues.Shutdown(context.Background()))
}

// killed is another world on what a process that was killed now would leave.
func (w *world) killed() *world {
	w.t.Helper()
	folder := w.t.TempDir()
	from, err := os.Open(filepath.Join(w.folder, exporterFile))
	w.must(err)
	defer from.Close()
	to, err := os.Create(filepath.Join(folder, exporterFile))
	w.must(err)
	_, err = io.Copy(to, from)
	w.must(errors.Join(err, to.Close()))
	return newWorld(w.t, folder)
}

func (w *world) store(_ context.Context, traces ptrace.Traces) error {
	if w.away.Load() {
		return errors.New("the store is away")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, resource := range traces.ResourceSpans().All() {
		w.stored[resource.SchemaUrl()]++
	}
	return nil
}

// send offers an item of some kB, and says whether it was acknowledged.
func (w *world) send(name string) bool {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.SetSchemaUrl(name)
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(string(make([]byte, 3000)))
	return w.out.ConsumeTraces(context.Background(), traces) == nil
}

func (w *world) wait(what string, until func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !until(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// has waits until each of these items is stored.
func (w *world) has(names []string) {
	w.t.Helper()
	w.wait("all that was acknowledged is stored", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, name := range names {
			if w.stored[name] == 0 {
				return false
			}
		}
		return true
	})
}

// queued is a folder in whose queue so many items wait, and their names.
func queued(t *testing.T, count int) (folder string, names []string) {
	t.Helper()
	w := newWorld(t, t.TempDir())
	w.away.Store(true)
	w.start()
	names = fill(w, "a", count)
	w.stop()
	return w.folder, names
}

// edit changes a queue's file while no gateway has it open.
func edit(t *testing.T, path string, change func(*bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte("default"))) }); err != nil {
		t.Fatal(err)
	}
}

type host struct{ queues *Queues }

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.NewID(Type): h.queues}
}

// failing is a file storage whose disk can be full.
type failing struct {
	storage.Extension
	full *atomic.Bool
}

func (f failing) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := f.Extension.GetClient(ctx, kind, id, name)
	return failingClient{client, client.(storage.Walker), f.full}, err
}

type failingClient struct {
	storage.Client
	storage.Walker
	full *atomic.Bool
}

func (f failingClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if op.Type != storage.Get && f.full.Load() {
			return syscall.ENOSPC
		}
	}
	return f.Client.Batch(ctx, ops...)
}
