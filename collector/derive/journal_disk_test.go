package derive

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestTheJournalIsCompacted(t *testing.T) {
	folder := t.TempDir()
	r := newKept(t, folder, func(c *Config) { c.Resent.Max = 100 })
	r.journal.compactAt = 4000
	for id := range uint64(2000) {
		r.send(id+1, fmt.Sprint(id%3), 0.5)
		r.journal.compacting.Wait()
	}
	entries, _ := os.ReadDir(folder)
	var size int64
	for _, entry := range entries {
		info, _ := entry.Info()
		size += info.Size()
	}
	if len(entries) != 2 || size > 12_000 || r.journal.number < 20 {
		t.Errorf("%d bytes in %v after %d journals", size, entries, r.journal.number)
	}
	r = r.killed(time.Second, nil)
	same(t, only(r.flushed(false), "test.runs"),
		"test.runs{kind=0} +-1ms 0", "test.runs{kind=0} +1000ms 667", "test.runs{kind=1} +-1ms 0",
		"test.runs{kind=1} +1000ms 667", "test.runs{kind=2} +-1ms 0", "test.runs{kind=2} +1000ms 666")
}

// disk is full after so many bytes more; `dead` is the process that a write was the last of.
type disk struct {
	journalFile
	left *atomic.Int64
	dead *atomic.Bool
}

func (d disk) WriteAt(data []byte, offset int64) (int, error) {
	size := int64(len(data))
	if d.left.Add(-size) >= 0 {
		return d.journalFile.WriteAt(data, offset)
	}
	n, _ := d.journalFile.WriteAt(data[:max(d.left.Swap(0)+size, 0)], offset)
	return n, &os.PathError{Op: "write", Path: "/somewhere", Err: syscall.ENOSPC}
}

func (d disk) Truncate(size int64) error {
	if d.dead.Load() {
		return nil
	}
	return d.journalFile.Truncate(size)
}

// onDisk puts the connector's files on a disk that a test fills.
func (r *rig) onDisk() (left *atomic.Int64, dead *atomic.Bool) {
	left, dead = new(atomic.Int64), new(atomic.Bool)
	left.Store(math.MaxInt64)
	create := r.journal.create
	r.journal.create = func(path string) (journalFile, error) {
		if left.Load() <= 0 {
			return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
		}
		made, err := create(path)
		return disk{made, left, dead}, err
	}
	r.journal.file = disk{r.journal.file, left, dead}
	return left, dead
}

func TestFullDiskRefusesAndCountsNothing(t *testing.T) {
	r := newKept(t, t.TempDir(), func(c *Config) { c.MaxSeries = 2 })
	left, _ := r.onDisk()
	r.send(1, "a", 0.5)
	before := r.flushed(true)
	left.Store(20)
	refused, _ := trace(2, map[string]any{"kind": "b", "n": 0.5})
	for range 3 {
		err := r.ConsumeTraces(context.Background(), refused)
		if want := "OTELGATE_DATA_DIR: derived metrics can't be kept on disk: no space left on device"; err == nil || err.Error() != want {
			t.Fatal(err)
		}
	}
	negative, _ := trace(3, map[string]any{"kind": "a", "n": -0.5})
	if err := r.ConsumeTraces(context.Background(), negative); err == nil {
		t.Error("its identity can't be kept")
	}
	if got := r.plan.metrics[0].series.invalid.Load(); got != 0 || r.refused.Load() != 4 {
		t.Errorf("%d invalid, %d refused", got, r.refused.Load())
	}
	same(t, only(r.flushed(true), "test.count"), "test.count{kind=a} +2ms 0.5")
	if len(before) == 0 || r.plan.metrics[0].series.Live() != 1 {
		t.Error("a refused request keeps no place for a series")
	}
	left.Store(math.MaxInt64)
	r.spans(refused) // it is resent, and then counts
	r.spans(refused)
	r = r.killed(zeroRetry+time.Second, nil)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +301000ms 1", "test.runs{kind=b} +301000ms 1")
}

func TestDiskFullAtStartRefusesUntilThereIsRoom(t *testing.T) {
	r := newKept(t, t.TempDir(), nil)
	r.send(1, "a", 0.5)
	next := newPlain(t, func(c *Config) { c.Journal.Directory = r.config.Journal.Directory })
	create := next.journal.create
	next.journal.create = func(string) (journalFile, error) { return nil, syscall.ENOSPC }
	next.restore()
	traces, _ := trace(2, map[string]any{"kind": "a", "n": 0.5})
	if err := next.ConsumeTraces(context.Background(), traces); err == nil {
		t.Error("taken without a journal")
	}
	same(t, only(next.flushed(false), "test.runs"), "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +2ms 1")
	next.journal.create = create
	next.spans(traces)
	next = next.killed(zeroRetry, nil)
	same(t, only(next.flushed(false), "test.runs"), "test.runs{kind=a} +300000ms 2")
}
