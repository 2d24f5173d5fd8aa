package derive

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
)

// newKept is a connector on a folder, as after its start but without the ticker. Who opens the folder again without a
// word to the one before has killed it.
func newKept(t testing.TB, folder string, change func(*Config)) *rig {
	t.Helper()
	r := newPlain(t, func(c *Config) {
		c.Journal.Directory = folder
		if change != nil {
			change(c)
		}
	})
	r.restore()
	r.journal.compacting.Wait()
	t.Cleanup(func() { _ = r.journal.close() })
	return r
}

// killed is the next run on the same folder, `later`.
func (r *rig) killed(later time.Duration, change func(*Config)) *rig {
	r.t.Helper()
	r.journal.compacting.Wait()
	next := newKept(r.t, r.config.Journal.Directory, change)
	next.now = r.now.Add(later)
	return next
}

func TestTotalsSurviveAKill(t *testing.T) {
	r := newKept(t, t.TempDir(), nil)
	r.send(1, "a", 0.25)
	r.flushed(false)
	r.now = r.now.Add(time.Second)
	r.send(2, "a", 0.15) // not written yet
	r.send(3, "b", 0.5)
	r = r.killed(time.Second, nil)
	same(t, r.flushed(false), // with the same zeros at the same times, since nobody knows whether a store has them
		"test.count{kind=a} +-1ms 0", "test.count{kind=a} +2000ms 0.4",
		"test.count{kind=b} +2000ms 0.5", "test.count{kind=b} +999ms 0",
		"test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +2000ms 2",
		"test.runs{kind=b} +2000ms 1", "test.runs{kind=b} +999ms 0",
		"test.size{kind=a} +-1ms count 0 sum 0", "test.size{kind=a} +2000ms count 2 sum 0.4",
		"test.size{kind=b} +2000ms count 1 sum 0.5", "test.size{kind=b} +999ms count 0 sum 0",
	)
	point := r.find("test.size").Histogram().DataPoints().At(1)
	if start := offset(point.StartTimestamp()); start != -1 && start != 999 {
		t.Errorf("starts at %d", start)
	}
	r.send(4, "a", 0.25)
	r = r.killed(zeroRetry, nil)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=a} +302000ms 0.65", "test.count{kind=b} +302000ms 0.5")
}

func TestAResendAfterAKillCountsOnce(t *testing.T) {
	r := newKept(t, t.TempDir(), nil)
	r.send(1, "a", 0.25)
	for range 3 { // from the journal, from the snapshot, and from both
		r = r.killed(time.Second, nil)
		r.send(1, "a", 0.25)
		r.send(2, "a", 0.25)
	}
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +3000ms 2")
	if got := r.again.Load(); got != 2 {
		t.Errorf("%d resent", got)
	}
	r = r.killed(21*time.Minute, nil)
	r.send(1, "a", 0.25)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +1263000ms 3")
}

func TestAnEventSentAgainAfterAKillCountsOnce(t *testing.T) {
	folder := t.TempDir()
	for run := range 2 {
		r := newRig(t, ofEvent, func(c *Config) { c.Journal.Directory = folder })
		r.restore()
		r.now = r.now.Add(time.Duration(run) * time.Second)
		for _, attributes := range []map[string]any{{}, {"log.record.uid": "01J0"}} {
			attributes["otelgate.event.name"] = "search"
			logs, _ := event(1, "search", attributes)
			r.events(logs)
		}
		same(t, r.flushed(false), "otelgate.event.count{event.name=search,service.name=shop} +-1ms 0",
			fmt.Sprintf("otelgate.event.count{event.name=search,service.name=shop} +%dms 2", 1000*run))
		if err := r.journal.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSumsAreTheSameToTheLastBit: a counter that comes back a little less would count as one that starts anew.
func TestSumsAreTheSameToTheLastBit(t *testing.T) {
	r := newKept(t, t.TempDir(), nil)
	r.journal.compactAt = 2000
	for id := range uint64(300) {
		traces, span := trace(2*id+1, map[string]any{"kind": "a", "n": 0.1 * float64(id%7)})
		fill(span, 2*id+1, map[string]any{"kind": "a", "n": 1e-7 / float64(id+1)})
		r.spans(traces)
	}
	r.flushed(false)
	want := r.points("test.count")[1].DoubleValue()
	r = r.killed(time.Second, nil)
	r.flushed(false)
	if got := r.points("test.count")[1].DoubleValue(); math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("%v instead of %v", got, want)
	}
}

// TestATornLastEntryIsLeftOut cuts the journal at every byte.
func TestATornLastEntryIsLeftOut(t *testing.T) {
	folder := t.TempDir()
	r := newKept(t, folder, nil)
	ends := []int64{r.journal.size}
	for id := range uint64(4) {
		r.send(id+1, "a", 0.5)
		ends = append(ends, r.journal.size)
	}
	for cut := ends[0]; cut <= ends[4]; cut++ {
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
		if points := next.points("test.runs"); whole > 0 && points[1].DoubleValue() != float64(whole) || whole == 0 && points != nil {
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

func TestADamagedHeadLosesOnlyWhatItHeld(t *testing.T) {
	lines, _ := damage(t, "journal", func(content []byte) []byte {
		return slices.Concat([]byte(strings.Repeat("garbage\xd7\x9e", 12)), content[108:])
	})
	// The first entries, b's definition among them, are gone; a's are there from then on.
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "test.runs{kind=a} +-1ms 0") || lines[1] != "test.runs{kind=a} +2000ms 11" {
		t.Error(lines)
	}
}

func TestADamagedMiddleLosesOneRequest(t *testing.T) {
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

func TestADamagedSnapshotIsSetAside(t *testing.T) {
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

func TestAnEmptiedJournalIsTold(t *testing.T) {
	lines, _ := damage(t, "journal", func([]byte) []byte { return nil })
	same(t, lines, "test.runs{kind=a} +-1ms 0", "test.runs{kind=a} +2000ms 1")
}

// TestOtherMetricsThanBefore: what still fits goes on, the rest starts anew.
func TestOtherMetricsThanBefore(t *testing.T) {
	for name, one := range map[string]struct {
		list string
		want []string
	}{
		"other buckets": {strings.ReplaceAll(plain, "share", "score"), []string{
			"test.count{kind=a} +1000ms 0.5", "test.count{kind=b} +1000ms 0.5",
			"test.runs{kind=a} +1000ms 1", "test.runs{kind=b} +1000ms 1"}},
		"other label": {strings.ReplaceAll(plain, "[kind]", "[sort]"), nil},
		"another label": {strings.ReplaceAll(plain, "[kind]", "[kind, sort]"), []string{
			"test.count{kind=a} +1000ms 0.5", "test.count{kind=b} +1000ms 0.5",
			"test.runs{kind=a} +1000ms 1", "test.runs{kind=b} +1000ms 1",
			"test.size{kind=a} +1000ms count 1 sum 0.5", "test.size{kind=b} +1000ms count 1 sum 0.5"}},
		"other value": {strings.ReplaceAll(plain, "value: n", "value: m"), []string{
			"test.runs{kind=a} +1000ms 1", "test.runs{kind=b} +1000ms 1"}},
		"no metric": {"common: [kind]", nil},
		"fewer series": {plain, []string{
			"test.count{kind=a} +1000ms 0.5", "test.runs{kind=a} +1000ms 1", "test.size{kind=a} +1000ms count 1 sum 0.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newKept(t, t.TempDir(), nil)
			r.send(1, "a", 0.5)
			r.send(2, "b", 0.5)
			next := r.killed(time.Second, func(c *Config) {
				c.MetricsFile = file(t, one.list)
				if name == "fewer series" {
					c.MaxSeries = 1
				}
			})
			lines := slices.DeleteFunc(next.flushed(false), func(line string) bool { return strings.Contains(line, "+-1ms") })
			same(t, lines, one.want...)
			if got, want := next.unfit.Load(), int64(6-len(one.want)); got != want {
				t.Errorf("%d series dropped, expected %d", got, want)
			}
			next.send(3, "a", 0.5) // and it goes on
			next.flushed(true)
		})
	}
}

func TestASeriesThatEndedStartsAnew(t *testing.T) {
	short := func(c *Config) { c.ExpireAfter = time.Minute }
	r := newKept(t, t.TempDir(), short)
	r.send(1, "a", 0.5)
	r.flushed(false)
	r.now = r.now.Add(2 * time.Minute)
	same(t, r.flushed(true))
	again := r.killed(time.Second, short)
	same(t, again.flushed(false))
	again.send(2, "a", 0.25)
	r = again.killed(time.Second, short)
	same(t, only(r.flushed(false), "test.count"), "test.count{kind=a} +121001ms 0", "test.count{kind=a} +122000ms 0.25")
}

func TestASeriesThatTheJournalDoesNotKnowAsEndedIsWrittenOnce(t *testing.T) {
	short := func(c *Config) { c.ExpireAfter = time.Minute }
	r := newKept(t, t.TempDir(), short)
	r.send(1, "a", 0.5)
	r = r.killed(10*time.Minute, short)
	same(t, only(r.flushed(true), "test.runs"), "test.runs{kind=a} +600000ms 1")
	r.now = r.now.Add(15 * time.Second)
	same(t, r.flushed(true))
	r = r.killed(time.Second, short)
	same(t, r.flushed(true))
}

func TestTheOverflowSeriesGoesOn(t *testing.T) {
	few := func(c *Config) { c.MaxSeries = 1 }
	r := newKept(t, t.TempDir(), few)
	for id := range uint64(4) {
		r.send(id+1, fmt.Sprint("k", id), 0.5)
	}
	r = r.killed(zeroRetry, few)
	r.send(9, "k7", 0.5)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=k0} +300000ms 1", "test.runs{otel.metric.overflow=true} +300000ms 4")
}

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
	left *int
	dead *bool
}

func (d disk) WriteAt(data []byte, offset int64) (int, error) {
	if len(data) <= *d.left {
		*d.left -= len(data)
		return d.journalFile.WriteAt(data, offset)
	}
	n, _ := d.journalFile.WriteAt(data[:max(*d.left, 0)], offset)
	*d.left = 0
	return n, &os.PathError{Op: "write", Path: "/somewhere", Err: syscall.ENOSPC}
}

func (d disk) Truncate(size int64) error {
	if *d.dead {
		return nil
	}
	return d.journalFile.Truncate(size)
}

// onDisk puts the connector's files on a disk that a test fills.
func (r *rig) onDisk() (left *int, dead *bool) {
	left, dead = new(int), new(bool)
	*left = math.MaxInt
	create := r.journal.create
	r.journal.create = func(path string) (journalFile, error) {
		if *left == 0 {
			return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
		}
		made, err := create(path)
		return disk{made, left, dead}, err
	}
	r.journal.file = disk{r.journal.file, left, dead}
	return left, dead
}

func TestAFullDiskRefusesAndCountsNothing(t *testing.T) {
	r := newKept(t, t.TempDir(), func(c *Config) { c.MaxSeries = 2 })
	left, _ := r.onDisk()
	r.send(1, "a", 0.5)
	before := r.flushed(true)
	*left = 20
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
	if len(before) == 0 || r.plan.metrics[0].series.live.Load() != 1 {
		t.Error("a refused request keeps no place for a series")
	}
	*left = math.MaxInt
	r.spans(refused) // it comes again, and then counts
	r.spans(refused)
	r = r.killed(zeroRetry+time.Second, nil)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=a} +301000ms 1", "test.runs{kind=b} +301000ms 1")
}

func TestADiskThatIsFullAtTheStartRefusesUntilThereIsRoom(t *testing.T) {
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

func TestStartRefusesAFolderThatCannotBeMade(t *testing.T) {
	path := file(t, "not a folder")
	r := newPlain(t, func(c *Config) { c.Journal.Directory = path })
	err := r.Start(context.Background(), componenttest.NewNopHost())
	want := fmt.Sprintf("journal::directory='%[1]s': mkdir %[1]s: not a directory; expected a folder that can be written", path)
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestShutdownAndStartGoOn(t *testing.T) {
	folder := t.TempDir()
	for run := range uint64(3) {
		r := newPlain(t, func(c *Config) {
			c.Journal = JournalConfig{Directory: folder, FSync: true}
			c.FlushInterval, c.RefreshInterval = 30*time.Minute, 30*time.Minute
		})
		if err := r.Start(context.Background(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		r.send(run+1, "a", 0.5)
		if err := r.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if points := r.points("test.runs"); points[1].DoubleValue() != float64(run+1) {
			t.Errorf("%v in run %d", points[1].DoubleValue(), run)
		}
	}
}

// FuzzJournal: whatever is in the files, the connector starts and works.
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
