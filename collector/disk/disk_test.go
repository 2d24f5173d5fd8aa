package disk

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOfIsTheNearestFolderThatExists(t *testing.T) {
	folder := t.TempDir()
	there, err := Of(folder)
	if err != nil || there.Total == 0 {
		t.Fatalf("Of(%s) = %v, %v", folder, there, err)
	}
	later, err := Of(filepath.Join(folder, "not", "yet"))
	if err != nil || later.Total != there.Total {
		t.Errorf("Of(%s/not/yet) = %v, %v; want %v", folder, later, err, there)
	}
}

func TestReserveIsAtMostATenthOfTheDisk(t *testing.T) {
	for _, c := range []struct{ total, asked, want int64 }{{10_000, 500, 500}, {1_000, 500, 100}} {
		if got := (Space{Total: c.total}).Reserve(c.asked); got != c.want {
			t.Errorf("Reserve(%d) of %d = %d, want %d", c.asked, c.total, got, c.want)
		}
	}
}

func TestQueueSizeIsWhatTheDiskHasForAllQueues(t *testing.T) {
	for _, c := range []struct {
		why        string
		free, used int64
		want       int64
	}{
		{"room for all", 10_000, 0, 1000},
		{"a fourth of the room above the reserve, with room for pages", 2_100, 0, 400},
		{"files that are there already count as room", 1_100, 1_000, 400},
		{"never less than the least", 0, 0, 50},
	} {
		if got := (Space{Free: c.free}).QueueSize(1000, 100, c.used, 4, 50); got != c.want {
			t.Errorf("%s: %d, want %d", c.why, got, c.want)
		}
	}
	if got := (Space{}).QueueSize(10, 100, 0, 4, 50); got != 10 {
		t.Errorf("asked for less than the least: %d, want 10", got)
	}
}

func TestFilesOmitsDamagedFiles(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{
		"exporter_a_b_traces", "exporter_a_b_traces" + Damaged + "20261129T100000Z", "exporter_a.2026.backup",
		"processor_b__", "processor_b__" + Damaged + "20261129T100000Z", "tempdb1",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(folder, "exporter_a_b_traces"), filepath.Join(folder, "processor_b__")}
	if got := Files(folder); !slices.Equal(got, want) {
		t.Errorf("Files = %v", got)
	}
	if queues, totals := SetAside(folder, Queue), SetAside(folder, Totals); queues != 2 || totals != 1 {
		t.Errorf("SetAside = %d of queues, %d of totals, want 2 and 1", queues, totals)
	}
	if got := Used(folder); got < 10_000 || got > 32<<10 {
		t.Errorf("Used = %d, want what the two files take", got)
	}
}
