package diskqueue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"otelgate/collector/disk"
	"otelgate/collector/diskqueue/internal/metadata"
)

// Queues is the extension.
type Queues struct {
	cfg    *Config
	next   storage.Extension
	logger *zap.Logger
	check  func(path string) error
	space  func(folder string) (disk.Space, error)

	mu        sync.Mutex
	clients   []*client
	telemetry *metadata.TelemetryBuilder
	stop      chan struct{}
	end       sync.Once
}

func newQueues(cfg *Config, set component.TelemetrySettings, next storage.Extension) (*Queues, error) {
	q := &Queues{cfg: cfg, next: next, logger: set.Logger, check: checkApart, space: disk.Of, stop: make(chan struct{})}
	var err error
	q.telemetry, err = q.observe(set)
	return q, err
}

// Start looks at the disk and at each file, before the queues open them.
func (q *Queues) Start(ctx context.Context, host component.Host) error {
	q.sayWhatFits()
	for _, path := range disk.Files(q.cfg.Directory) {
		if err := q.inspect(path); err != nil {
			return err
		}
	}
	go q.giveBack(q.stop)
	return q.next.Start(ctx, host)
}

// sayWhatFits names the settings, where the disk has not what they ask for.
func (q *Queues) sayWhatFits() {
	if q.cfg.QueueSize >= q.cfg.QueueBytes {
		return
	}
	space, err := q.space(q.cfg.Directory)
	q.logger.Warn("the disk has less room than the queues may take: each gets less than OTELGATE_QUEUE_BYTES, and refuses earlier. "+
		"Make room, set OTELGATE_DATA_DIR to a folder on a larger disk, or lower OTELGATE_QUEUE_BYTES",
		zap.String("OTELGATE_DATA_DIR", q.cfg.Directory), zap.Int64("OTELGATE_QUEUE_BYTES", q.cfg.QueueBytes),
		zap.Int64("queue_bytes", q.cfg.QueueSize), zap.Int("queues", q.cfg.Queues),
		zap.Int64("free_bytes", space.Free), zap.Int64("reserve_bytes", space.Reserve(q.cfg.ReserveBytes)), zap.NamedError("statfs", err))
}

// inspect sets the file aside if it is damaged.
func (q *Queues) inspect(path string) error {
	fault := q.check(path)
	var unknown inUse
	if fault == nil {
		return nil
	}
	if errors.As(fault, &unknown) {
		q.logger.Warn("a file could not be checked", zap.String("file", path), zap.Error(fault))
		return nil
	}
	aside, err := setAside(path, time.Now())
	if err != nil {
		return fmt.Errorf("the file %s is damaged (%w), and cannot be renamed: %w", path, fault, err)
	}
	said := "a queue's file is damaged: it is set aside, and the queue begins a new one. The items in it are not sent"
	if strings.HasPrefix(filepath.Base(path), disk.Totals) {
		said = "the file with the totals of applications' own metrics is damaged: it is set aside, and they begin again at zero"
	}
	q.logger.Error(said, zap.String("file", path), zap.String("set_aside", aside), zap.Error(fault))
	return nil
}

// GetClient opens the storage of one queue, or of a processor.
func (q *Queues) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	stored, err := q.next.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	next := &checked{next: stored, file: q.fileOf(kind, id, name), logger: q.logger}
	if kind != component.KindExporter {
		return next, nil
	}
	opened := &client{
		next: next, queue: id.String() + " (" + name + ")", id: id, name: name, room: q.roomFor, logger: q.logger,
		late: map[string]*storage.Operation{}, reading: map[string]int64{},
	}
	if err := opened.recover(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("queue of %s: %w", opened.queue, err), next.Close(ctx))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.clients = append(q.clients, opened)
	return opened, nil
}

// fileOf is where file_storage keeps what GetClient opens.
func (q *Queues) fileOf(kind component.Kind, id component.ID, name string) string {
	begin := disk.Totals
	if kind == component.KindExporter {
		begin = disk.Queue
	}
	if name != "" {
		name = "_" + name
	}
	return filepath.Join(q.cfg.Directory, fmt.Sprintf("%s%s_%s%s", begin, id.Type(), id.Name(), name))
}

// Refusal says why a request must be refused, or nil: pending bytes were admitted and may still come to each queue.
func (q *Queues) Refusal(pending int64) error {
	wanted := q.wanted(pending)
	if wanted == 0 {
		return q.roomFor(0) // the files have room: they shrink some time after they were emptied
	}
	return q.below(1, wanted)
}

// roomFor is the last look before an item is written: what was admitted may take half of the reserve, since others
// write to the disk, too. The other half is for emptying the queues.
func (q *Queues) roomFor(size int64) error { return q.below(0.5, size) }

func (q *Queues) below(share float64, wanted int64) error {
	space, err := q.space(q.cfg.Directory)
	if err != nil {
		return nil // the write will tell
	}
	reserve := int64(share * float64(space.Reserve(q.cfg.ReserveBytes)))
	if space.Free-wanted >= reserve {
		return nil
	}
	return fmt.Errorf("OTELGATE_DATA_DIR='%s': %d bytes free on its disk, expected a reserve of %d (OTELGATE_QUEUE_RESERVE_BYTES); "+
		"data is refused until the stores take what waits, or the disk has room", q.cfg.Directory, space.Free, reserve)
}

// wanted is what the files grow by when pending bytes come to each queue: what was deleted from a file leaves room in it.
func (q *Queues) wanted(pending int64) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	var total int64
	for _, c := range q.clients {
		if !strings.HasSuffix(c.id.Name(), Refused) { // what comes there was in another queue before
			total += max(0, pending-c.reusable())
		}
	}
	return total
}

// Refused ends the name of an exporter's second queue, for what its store refused.
const Refused = "-refused"

// Waiting is how many bytes of items are in a queue's file.
func (q *Queues) Waiting(id component.ID, name string) (total int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.clients {
		if c.id == id && c.name == name {
			total += c.bytes.Load()
		}
	}
	return total
}

// Shutdown ends the extension; the queues have closed their storage before.
func (q *Queues) Shutdown(ctx context.Context) error {
	q.end.Do(func() { close(q.stop) })
	q.telemetry.Shutdown()
	return q.next.Shutdown(ctx)
}

// fragmented is the share of a file that its items may take up beyond their bytes.
const fragmented = 1.5

// reusable bytes of the file: it does not shrink when items are deleted. An estimate, and a low one.
func (c *client) reusable() int64 {
	return max(0, disk.Allocated(c.next.file)-int64(fragmented*float64(c.bytes.Load()))-1<<20)
}
