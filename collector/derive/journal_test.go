package derive

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
)

// newKept is a connector on a folder, as after its start but without the ticker. To open the folder again without a
// shutdown of the previous one is to kill it.
func newKept(t testing.TB, folder string, change func(*Config)) *rig {
	t.Helper()
	r := newPlain(t, func(c *Config) {
		c.Journal.Directory = folder
		if change != nil {
			change(c)
		}
	})
	r.quick()
	r.restore()
	r.journal.compacting.Wait()
	t.Cleanup(func() { _ = r.journal.close() })
	return r
}

// quick leaves out the waits for the disk: hundreds of them take minutes on a busy one.
func (r *rig) quick() {
	create := r.journal.create
	r.journal.create = func(path string) (journalFile, error) {
		made, err := create(path)
		return unsynced{made}, err
	}
}

type unsynced struct{ journalFile }

func (unsynced) Sync() error { return nil }

// killed is the next run on the same folder, `later`.
func (r *rig) killed(later time.Duration, change func(*Config)) *rig {
	r.t.Helper()
	r.journal.compacting.Wait()
	next := newKept(r.t, r.config.Journal.Directory, change)
	next.now = r.now.Add(later)
	return next
}

func TestTotalsSurviveKill(t *testing.T) {
	r := newKept(t, t.TempDir(), nil)
	r.send(1, "a", 0.25)
	r.flushed(false)
	r.now = r.now.Add(time.Second)
	r.send(2, "a", 0.15) // not written yet
	r.send(3, "b", 0.5)
	r = r.killed(time.Second, nil)
	same(t, r.flushed(false), // with the same zeros at the same times, since the connector cannot know whether a store has them
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

func TestResendAfterKillCountsOnce(t *testing.T) {
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

func TestResentEventAfterKillCountsOnce(t *testing.T) {
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

// TestSumsAreTheSameToTheLastBit: a counter that comes back slightly smaller would count as one that restarts.
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

// TestChangedMetricsRestart: series that still fit continue, the rest restarts.
func TestChangedMetricsRestart(t *testing.T) {
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

func TestEndedSeriesRestarts(t *testing.T) {
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

func TestSeriesWithUnrecordedEndIsWrittenOnce(t *testing.T) {
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

func TestOverflowSeriesContinues(t *testing.T) {
	few := func(c *Config) { c.MaxSeries = 1 }
	r := newKept(t, t.TempDir(), few)
	for id := range uint64(4) {
		r.send(id+1, fmt.Sprint("k", id), 0.5)
	}
	r = r.killed(zeroRetry, few)
	r.send(9, "k7", 0.5)
	same(t, only(r.flushed(false), "test.runs"), "test.runs{kind=k0} +300000ms 1", "test.runs{otel.metric.overflow=true} +300000ms 4")
}

func TestStartRefusesFolderThatCannotBeMade(t *testing.T) {
	path := file(t, "not a folder")
	r := newPlain(t, func(c *Config) { c.Journal.Directory = path })
	err := r.Start(context.Background(), componenttest.NewNopHost())
	want := fmt.Sprintf("journal::directory='%[1]s': expected a folder that can be written: mkdir %[1]s: not a directory", path)
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestRestartContinues(t *testing.T) {
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
