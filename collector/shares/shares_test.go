package shares

import "testing"

func claimed(s *Shares, owner string, times int) (n int) {
	for range times {
		if s.Claim(owner) {
			n++
		}
	}
	return n
}

func TestGreedyOwnerLeavesPlacesForNewcomers(t *testing.T) {
	s := New(2000)
	if got := claimed(s, "flooder", 10_000); got != 1800 {
		t.Errorf("the only one: %d, want nine tenths", got)
	}
	if got := claimed(s, "second", 10_000); got != 180 {
		t.Errorf("the second: %d, want nine tenths of the rest", got)
	}
	if got := claimed(s, "late", 10); got != 10 {
		t.Errorf("one that needs few: %d of 10", got)
	}
	for range 1800 {
		s.Release("flooder")
	}
	if got := claimed(s, "late", 10_000); got < 1000 {
		t.Errorf("what was given back is for others: %d", got)
	}
}

func TestPlacesOfBeforeARestartAreKept(t *testing.T) {
	s := New(2000)
	claimed(s, "second", 180)
	for n := range 1820 {
		if !s.Keep("first") {
			t.Fatalf("only %d were kept", n)
		}
	}
	if s.Keep("first") || s.Claim("late") {
		t.Error("more than the limit")
	}
}

func TestSmallLimitIsReached(t *testing.T) {
	for limit := 1; limit <= 4; limit++ {
		if got := claimed(New(limit), "only", 100); got != limit {
			t.Errorf("%d of %d", got, limit)
		}
	}
}

func TestOwnersThatGaveAllBackAreForgotten(t *testing.T) {
	s := New(10)
	for range 3 {
		claimed(s, "a", 1)
		s.Release("a")
	}
	if len(s.held) != 0 || s.Live() != 0 {
		t.Errorf("held %v, live %d", s.held, s.Live())
	}
}

func TestPendingPlacesCount(t *testing.T) {
	s := New(100)
	for n := range 90 {
		if !s.Fits("first", n, n) {
			t.Fatalf("%d did not fit", n)
		}
	}
	if s.Fits("first", 90, 90) {
		t.Error("more than its share")
	}
	if !s.Fits("second", 0, 90) {
		t.Error("another's places are its own")
	}
	for range 101 {
		s.Take("first")
	}
	if s.Live() != 101 || s.Fits("second", 0, 0) {
		t.Error("what was there did not count")
	}
}
