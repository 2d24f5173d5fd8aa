package derive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestIgnoresIncompleteLastEntry cuts the journal at every byte of its last entries.
func TestIgnoresIncompleteLastEntry(t *testing.T) {
	folder := t.TempDir()
	r := newKept(t, folder, nil)
	ends := []int64{r.journal.size}
	for id := range uint64(4) {
		r.send(id+1, "a", 0.5)
		ends = append(ends, r.journal.size)
	}
	for cut := ends[2]; cut <= ends[4]; cut++ {
		copied := t.TempDir()
		if err := os.CopyFS(filepath.Join(copied, "derive"), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(copied, "derive", filepath.Base(r.journal.path(r.journal.number)))
		if err := os.Truncate(name, cut); err != nil {
			t.Fatal(err)
		}
		whole := 0
		for whole < 4 && ends[whole+1] <= cut {
			whole++
		}
		next := newKept(t, filepath.Join(copied, "derive"), nil)
		next.flushed(false)
		if points := next.points("test.runs"); points[1].DoubleValue() != float64(whole) {
			t.Fatalf("cut at %d of %v: %v", cut, ends, points)
		}
		if next.journal.damaged.Load() != 0 {
			t.Fatalf("cut at %d: a torn end is no damage", cut)
		}
	}
}

// damage changes a file of a run that was killed, and tells what the next one makes of it.
func damage(t *testing.T, name string, change func(content []byte) []byte) (lines []string, r *rig) {
	t.Helper()
	folder := t.TempDir()
	r = newKept(t, folder, nil)
	r.send(1, "a", 0.5)
	r = r.killed(time.Second, nil) // a is in the snapshot
	r.send(2, "b", 0.5)
	for id := range uint64(10) {
		r.send(id+3, "a", 0.5)
		r.send(id+20, "b", 0.5)
	}
	path := filepath.Join(folder, name)
	if name == "journal" {
		path = r.journal.path(r.journal.number)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o600); err != nil {
		t.Fatal(err)
	}
	r = r.killed(time.Second, nil)
	if got := r.journal.damaged.Load(); got != 1 {
		t.Errorf("%d damaged files", got)
	}
	kept, err := os.ReadFile(path + damagedSuffix)
	if err != nil || !slices.Equal(kept, change(content)) {
		t.Errorf("the damaged file was not kept: %v", err)
	}
	lines = only(r.flushed(false), "test.runs")
	if again := r.killed(time.Second, nil); again.journal.damaged.Load() != 0 {
		t.Error("the damage is still there")
	}
	return lines, r
}

func TestDamagedHeadLosesOnlyItsEntries(t *testing.T) {
	lines, _ := damage(t, "journal", func(content []byte) []byte {
		return slices.Concat([]byte(strings.Repeat("garbage\xd7\x9e", 12)), content[108:])
	})
	// The first entries, b's definition among them, are gone; a's are there from then on.
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "test.runs{kind=a} +-1ms 0") || lines[1] != "test.runs{kind=a} +2000ms 11" {
		t.Error(lines)
	}
}

func TestDamagedMiddleLosesOneRequest(t *testing.T) {
	lines, _ := damage(t, "journal", func(content []byte) []byte {
		changed := slices.Clone(content)
		changed[len(changed)-100] ^= 1
		return changed
	})
	if len(lines) != 4 {
		t.Fatal(lines)
	}
	var a, b int
	fmt.Sscanf(lines[1], "test.runs{kind=a} +2000ms %d", &a)
	fmt.Sscanf(lines[2], "test.runs{kind=b} +2000ms %d", &b)
	if a+b != 21 {
		t.Error(lines)
	}
}

func TestSetsDamagedSnapshotAside(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"cut":     func(content []byte) []byte { return content[:len(content)-3] },
		"garbage": func(content []byte) []byte { return []byte(strings.Repeat("x", len(content))) },
		"newer":   func(content []byte) []byte { return versioned(content, journalVersion+1) },
	} {
		t.Run(name, func(t *testing.T) {
			lines, _ := damage(t, "span.snapshot", change)
			if name == "cut" {
				same(t, lines, "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +2000ms 11",
					"test.runs{kind=b} +2000ms 11", "test.runs{kind=b} +999ms 0")
				return
			}
			same(t, lines, "test.runs{kind=b} +2000ms 11", "test.runs{kind=b} +999ms 0")
		})
	}
}

func versioned(content []byte, version byte) []byte {
	first, _, _ := firstFrame(content)
	changed := slices.Clone(content)
	changed[frameHead+1] = version
	closeFrame(changed[:frameHead+len(first)], 0)
	return changed
}

func TestReportsEmptiedJournal(t *testing.T) {
	lines, _ := damage(t, "journal", func([]byte) []byte { return nil })
	same(t, lines, "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +2000ms 1")
}

// FuzzJournal: with any content of the files, the connector starts and works.
func FuzzJournal(f *testing.F) {
	folder := f.TempDir()
	r := newKept(f, folder, nil)
	r.send(1, "a", 0.5)
	r.send(2, "b", 0.5)
	content, _ := os.ReadFile(r.journal.path(r.journal.number))
	f.Add(content, true)
	f.Add(content, false)
	f.Fuzz(func(t *testing.T, content []byte, framed bool) {
		folder := t.TempDir()
		if framed { // past the checksum
			buf := append(openFrame(nil), content...)
			closeFrame(buf, 0)
			content = buf
		}
		for _, name := range []string{"span.snapshot", "span.3.journal"} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := newKept(t, folder, nil)
		r.send(1, "a", 0.5)
		r.flushed(true)
	})
}
