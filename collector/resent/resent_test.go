package resent

import (
	"testing"
	"time"
)

func TestMemoryIsBounded(t *testing.T) {
	const limit = 3200
	now := time.Now()
	memory := New(Config{For: time.Hour, Max: limit}, now)
	for key := range uint64(100_000) {
		if memory.Again(key, now) {
			t.Fatalf("%d was never there", key)
		}
	}
	held := len(memory.Young) + len(memory.Old)
	if held > limit || memory.Evicted.Load() < 100_000-limit {
		t.Errorf("%d held, %d evicted", held, memory.Evicted.Load())
	}
	if !memory.Has(99_999, now) {
		t.Error("the last one is gone")
	}
}

func TestNotedKeysAreForgottenAfterAtMostTwiceTheTime(t *testing.T) {
	now := time.Now()
	for after, want := range map[time.Duration]bool{time.Second: true, time.Minute: true, 2 * time.Minute: false} {
		fresh := New(Config{For: time.Minute, Max: 100}, now)
		fresh.Again(1, now)
		if got := fresh.Has(1, now.Add(after)); got != want {
			t.Errorf("after %s: %t", after, got)
		}
	}
}
