package diskqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"otelgate/collector/disk"
)

// fill sends items while the store is away, until enough were acknowledged.
func fill(w *world, prefix string, count int) []string {
	w.t.Helper()
	var acknowledged []string
	for i := range count {
		if name := fmt.Sprintf("%s-%d", prefix, i); w.send(name) {
			acknowledged = append(acknowledged, name)
		}
	}
	return acknowledged
}

func TestFullDiskAndKillLoseNothing(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.away.Store(true)
	w.start()
	names := fill(w, "before", 60)
	if len(names) != 60 {
		t.Fatalf("%d of 60 were acknowledged with room on the disk", len(names))
	}
	w.full.Store(true)
	if got := fill(w, "full", 20); len(got) > 0 {
		t.Errorf("%d were acknowledged that could not be written", len(got))
	}
	again := w.killed()
	again.away.Store(true)
	again.full.Store(true) // still
	again.start()
	again.away.Store(false)
	again.has(names) // although nothing can be written down
	once := again.killed()
	once.start()
	once.has(names)

	w.away.Store(false)
	w.has(names)
	w.full.Store(false)
	for _, each := range []*world{w, again, once} {
		each.full.Store(false)
		each.stop()
	}
}

func TestRemovesItemsSentOnFullDiskLater(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.away.Store(true)
	w.start()
	names := fill(w, "a", 30)
	w.full.Store(true)
	w.away.Store(false)
	w.has(names)
	w.full.Store(false)
	more := fill(w, "b", 1)
	w.has(more)
	w.stop()
	next := newWorld(t, w.folder)
	next.start()
	next.has(fill(next, "c", 1))
	if next.stored["a-0"] > 0 || len(next.stored) != 1 {
		t.Errorf("sent again after the restart: %v", next.stored)
	}
	next.stop()
}

func TestOrphansAreFoundAndSent(t *testing.T) {
	folder, names := queued(t, 40)
	// The read index is past every item, as a full disk left it.
	writeIndexes(t, folder, func(raw []byte) []byte {
		m, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		m.read, m.write, m.dispatched = m.write+400, m.write+400, nil
		return m.marshal()
	})
	next := newWorld(t, folder)
	next.start()
	next.has(names)
	if got := next.queues.clients[0].orphaned.Load(); got != 40 {
		t.Errorf("%d orphans were counted, want 40", got)
	}
	if got := asides(t, filepath.Join(folder, exporterFile)); len(got) != 0 {
		t.Errorf("%d values were set aside", len(got))
	}
	next.stop()
}

// writeIndexes writes a queue's indexes with their checksum, as the gateway does.
func writeIndexes(t *testing.T, folder string, change func([]byte) []byte) {
	t.Helper()
	edit(t, filepath.Join(folder, exporterFile), func(bucket *bbolt.Bucket) error {
		next := change(bucket.Get([]byte(metadataKey)))
		return errors.Join(bucket.Put([]byte(metadataKey), next), bucket.Put([]byte(sumPrefix+metadataKey), sum(next)))
	})
}

func TestUnreadableIndexesLoseNothing(t *testing.T) {
	folder, names := queued(t, 10)
	writeIndexes(t, folder, func([]byte) []byte { return []byte("no message") })
	next := newWorld(t, folder)
	next.start()
	next.has(names)
	next.stop()
}

func TestNewItemsAreRefusedBelowHalfTheReserve(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.start()
	w.free.Store(1<<19 + 10_000)
	if !w.send("above") {
		t.Error("refused above half of the reserve")
	}
	w.free.Store(1<<19 - 1)
	if w.send("below") {
		t.Error("taken below half of the reserve")
	}
	w.has([]string{"above"})
	w.stop()
}

func TestRefusalNamesFolderAndFreeBytes(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.start()
	w.free.Store(1<<20 + 100)
	if err := w.queues.Refusal(100); err != nil {
		t.Errorf("refused what fits: %v", err)
	}
	want := fmt.Sprintf("OTELGATE_DATA_DIR='%s': 1048676 bytes free on its disk, expected a reserve of 1048576 (OTELGATE_QUEUE_RESERVE_BYTES); "+
		"data is refused until the stores take what waits, or the disk has room", w.folder)
	if err := w.queues.Refusal(101); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	w.stop()
}

// damage of the kinds that a disk does; most of each file of this test is in pages of items.
var damage = map[string]func([]byte) []byte{
	"head":    func(file []byte) []byte { copy(file, bytes.Repeat([]byte("garbage!"), 1024)); return file },
	"middle":  func(file []byte) []byte { copy(file[len(file)/3:], bytes.Repeat([]byte{0x5a}, 1<<16)); return file },
	"zeroes":  func(file []byte) []byte { clear(file[1<<14:]); return file },
	"cut":     func(file []byte) []byte { return file[:20_000] },
	"emptied": func([]byte) []byte { return nil },
}

func TestDamagedFileIsSetAsideAndTheQueueGoesOn(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.away.Store(true)
	w.start()
	fill(w, "a", 60)
	w.stop()
	file, err := os.ReadFile(filepath.Join(w.folder, exporterFile))
	w.must(err)
	for kind, change := range damage {
		t.Run(kind, func(t *testing.T) {
			next := newWorld(t, t.TempDir())
			path := filepath.Join(next.folder, exporterFile)
			next.must(os.WriteFile(path, change(bytes.Clone(file)), 0o600))
			next.start()
			aside, _ := filepath.Glob(path + disk.Damaged + "*")
			if len(aside) != 1 {
				t.Errorf("set aside: %v", aside)
			}
			next.has(fill(next, "new", 1))
			next.stop()
		})
	}
}

func TestSoundFileIsLeftAlone(t *testing.T) {
	folder, names := queued(t, 5)
	if err := Check(filepath.Join(folder, exporterFile)); err != nil {
		t.Errorf("Check of a sound file: %v", err)
	}
	next := newWorld(t, folder)
	next.start()
	next.has(names)
	next.stop()
}

func TestMetadataIsReadAsTheCollectorWritesIt(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.away.Store(true)
	w.start()
	fill(w, "a", 7)
	client := w.queues.clients[0]
	w.wait("an item is being sent", func() bool {
		raw, err := client.Get(context.Background(), metadataKey)
		w.must(err)
		m, err := parse(raw)
		w.must(err)
		return m.write == 7 && m.items == 7 && m.bytes > 7*3000 && len(m.dispatched) > 0 && m.read > 0
	})
	w.stop()
}

func TestMissingItemIsNotAnEmptyRequest(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.start()
	op := storage.GetOperation("12345")
	if err := w.queues.clients[0].Batch(context.Background(), op); err == nil {
		t.Error("an item that is not there was read")
	}
	w.stop()
}

func TestRewind(t *testing.T) {
	for _, c := range []struct {
		why          string
		m            indexes
		items        []uint64
		read, write  uint64
		orphans, far int
		holes        string
	}{
		{"nothing to do", indexes{read: 3, write: 5}, []uint64{3, 4}, 3, 5, 0, 0, "[]"},
		{"being sent", indexes{read: 5, write: 6, dispatched: []uint64{4, 2}}, []uint64{2, 4, 5}, 2, 6, 0, 0, "[{3 4}]"},
		{"behind the read index", indexes{read: 9, write: 9}, []uint64{1, 2}, 1, 9, 2, 0, "[{3 9}]"},
		{"before the write index", indexes{read: 1, write: 2}, []uint64{1, 5}, 1, 6, 1, 0, "[{2 5}]"},
		{"too far back", indexes{read: 2_000_000, write: 2_000_000}, []uint64{7}, 2_000_000, 2_000_000, 1, 1, "[]"},
	} {
		var items []stored
		for _, index := range c.items {
			items = append(items, stored{index, 1})
		}
		m, orphans, far := c.m.rewind(items)
		if m.read != c.read || m.write != c.write || len(m.dispatched) > 0 || orphans != c.orphans || far != c.far {
			t.Errorf("%s: %+v, %d orphans, %d too far", c.why, m, orphans, far)
		}
		if got := fmt.Sprint(between(items, m.read, m.write)); got != c.holes {
			t.Errorf("%s: holes %s, want %s", c.why, got, c.holes)
		}
	}
}

func TestConfigFaultsNameTheSetting(t *testing.T) {
	err := (&Config{ReserveBytes: -1}).Validate()
	for _, want := range []string{"directory='': expected a folder", "reserve_bytes='-1': expected 0 or more", "compact_mib='0': expected at least 1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
