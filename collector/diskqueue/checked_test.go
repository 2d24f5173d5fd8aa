package diskqueue

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"otelgate/collector/disk"
)

// alter changes values of a file as a disk would: the pages' structure stays sound, and checksums as they are.
func alter(t *testing.T, path string, change func(key string, value []byte) []byte) {
	t.Helper()
	edit(t, path, func(bucket *bbolt.Bucket) error {
		changed := map[string][]byte{}
		err := bucket.ForEach(func(key, value []byte) error {
			if next := change(string(key), bytes.Clone(value)); !bytes.Equal(next, value) {
				changed[string(key)] = next
			}
			return nil
		})
		for key, value := range changed {
			if value == nil {
				err = errors.Join(err, bucket.Delete([]byte(key)))
			} else {
				err = errors.Join(err, bucket.Put([]byte(key), value))
			}
		}
		return err
	})
}

func asides(t *testing.T, path string) [][]byte {
	t.Helper()
	files, _ := filepath.Glob(path + disk.Damaged + "*")
	var contents [][]byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, content)
	}
	return contents
}

func TestDamagedItemIsSetAsideAndItsNeighboursAreSent(t *testing.T) {
	for kind, change := range map[string]func([]byte) []byte{
		"text":    func(item []byte) []byte { return bytes.Replace(item, []byte("a-7"), []byte("ZZZ"), 1) },
		"zeroes":  func(item []byte) []byte { return make([]byte, len(item)) },
		"cut":     func(item []byte) []byte { return item[:len(item)-1] },
		"emptied": func(item []byte) []byte { return []byte{} },
	} {
		t.Run(kind, func(t *testing.T) {
			folder, names := queued(t, 20)
			path := filepath.Join(folder, exporterFile)
			var damaged []byte
			alter(t, path, func(key string, value []byte) []byte {
				if _, ok := itemIndex(key); ok && bytes.Contains(value, []byte("a-7")) {
					damaged = change(value)
					return damaged
				}
				return value
			})
			next := newWorld(t, folder)
			next.start()
			next.has(append(append([]string{}, names[:7]...), names[8:]...))
			next.has(fill(next, "new", 1))
			if len(next.stored) != 20 {
				t.Errorf("stored: %v", next.stored)
			}
			if got := asides(t, path); len(got) != 1 || !bytes.Equal(got[0], damaged) {
				t.Errorf("%d values were set aside, want the damaged one", len(got))
			}
			next.stop()
		})
	}
}

func TestDamagedIndexesLoseNothing(t *testing.T) {
	folder, names := queued(t, 10)
	path := filepath.Join(folder, exporterFile)
	alter(t, path, func(key string, value []byte) []byte {
		if key == metadataKey {
			m, _ := parse(value)
			m.read, m.write, m.dispatched = 0, 3, nil // readable, and wrong
			return m.marshal()
		}
		return value
	})
	next := newWorld(t, folder)
	next.start()
	next.has(names)
	if got := asides(t, path); len(got) != 1 {
		t.Errorf("%d values were set aside, want the indexes", len(got))
	}
	next.stop()
}

func TestItemsWithoutChecksumsAreSent(t *testing.T) {
	folder, names := queued(t, 10)
	path := filepath.Join(folder, exporterFile)
	alter(t, path, func(key string, value []byte) []byte {
		if strings.HasPrefix(key, sumPrefix) {
			return nil
		}
		return value
	})
	next := newWorld(t, folder)
	next.start()
	next.has(names)
	if got := asides(t, path); len(got) != 0 {
		t.Errorf("%d values were set aside", len(got))
	}
	next.stop()
}

func TestChecksumsGoWithTheItems(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.start()
	w.has(fill(w, "a", 10))
	w.stop()
	var left []string
	alter(t, filepath.Join(w.folder, exporterFile), func(key string, value []byte) []byte {
		left = append(left, key)
		return value
	})
	if got, want := strings.Join(left, " "), sumPrefix+metadataKey+" "+metadataKey; got != want {
		t.Errorf("the emptied queue's file has %q, want %q", got, want)
	}
}

func TestDamagedTotalIsWalkedAsNil(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.start()
	ctx, id := context.Background(), component.MustNewID("accumulate")
	client, err := w.queues.GetClient(ctx, component.KindProcessor, id, "")
	w.must(err)
	w.must(client.Batch(ctx, storage.SetOperation("s1", []byte("one")), storage.SetOperation("s2", []byte("two"))))
	w.must(client.Close(ctx))
	path := filepath.Join(w.folder, "processor_accumulate_")
	alter(t, path, func(key string, value []byte) []byte {
		if key == "s1" {
			return []byte("0ne")
		}
		return value
	})
	client, err = w.queues.GetClient(ctx, component.KindProcessor, id, "")
	w.must(err)
	found := map[string]string{}
	w.must(client.(storage.Walker).Walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		found[key] = string(value)
		if value == nil {
			return []*storage.Operation{storage.DeleteOperation(key)}, nil
		}
		return nil, nil
	}))
	if len(found) != 2 || found["s1"] != "" || found["s2"] != "two" {
		t.Errorf("found %v", found)
	}
	if got := disk.SetAside(w.folder, disk.Totals); got != 1 {
		t.Errorf("%d totals were set aside, want 1", got)
	}
	value, err := client.Get(ctx, "s1")
	w.must(err)
	if value != nil || disk.SetAside(w.folder, disk.Totals) != 1 {
		t.Errorf("the damaged total is still there: %q", value)
	}
	w.must(client.Close(ctx))
	w.stop()
}
