package accumulate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unique"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"otelgate/collector/fault"
)

// stateKey holds since when the state knows all.
const stateKey = "state"

type state struct {
	Forgotten int64 `json:"forgotten"`
}

// load takes up what is stored. An entry that can't be read is set aside and said: its sender then counts as one that
// was not heard before.
func (a *accumulator) load(ctx context.Context) error {
	walker, ok := a.store.(storage.Walker)
	if !ok {
		return fault.Of("storage", a.config.Storage, "one whose entries can be listed, as file_storage")
	}
	now := a.clock().UnixNano()
	a.loaded = now // what does not change is not stored again, so all may have been heard until now
	loaded, unread := state{}, 0
	shapes := map[uint64][]byte{}
	err := walker.Walk(ctx, func(key string, encoded []byte) ([]*storage.Operation, error) {
		if err := a.loadEntry(key, encoded, &loaded, shapes, now); err != nil {
			unread++
			a.logger.Error("an entry of what applications' counters had is damaged", zap.String("key", key), zap.Error(err))
			return []*storage.Operation{storage.DeleteOperation(key)}, nil
		}
		return nil, nil
	})
	if err != nil {
		return fmt.Errorf("what applications' counters had can't be read: %w", err)
	}
	for key, s := range a.series {
		if s.shape = shapes[key]; s.shape == nil {
			delete(a.series, key)
			continue
		}
		a.seriesPlaces.Take(s.Owner)
	}
	for _, s := range a.sources {
		a.senderPlaces.Take(s.Owner)
	}
	if a.forgotten = loaded.Forgotten; a.forgotten == 0 || unread > 0 {
		a.forgotten = now
	}
	return a.saveState(ctx)
}

func (a *accumulator) saveState(ctx context.Context, operations ...*storage.Operation) error {
	encoded, err := json.Marshal(state{a.forgotten})
	if err != nil {
		return err
	}
	return a.save(ctx, append(operations, storage.SetOperation(stateKey, encoded))...)
}

func (a *accumulator) loadEntry(key string, encoded []byte, into *state, shapes map[uint64][]byte, now int64) error {
	if key == stateKey {
		return json.Unmarshal(encoded, into)
	}
	if key == "" {
		return fmt.Errorf("expected a key")
	}
	number, err := strconv.ParseUint(key[1:], 16, 64)
	if err != nil {
		return err
	}
	switch key[0] {
	case 'c':
		s := &source{}
		if err := json.Unmarshal(encoded, s); err != nil {
			return err
		}
		s.Seen, s.Owner = now, unique.Make(s.Owner).Value()
		a.sources[number] = s
	case 's':
		s := &series{exemplars: pmetric.NewExemplarSlice()}
		if err := json.Unmarshal(encoded, s); err != nil {
			return err
		}
		s.resume(a.config, now)
		a.series[number] = s
	case 'l':
		if encoded == nil {
			return fmt.Errorf("expected a shape")
		}
		shapes[number] = slices.Clone(encoded)
	default:
		return fmt.Errorf("expected a key that begins with c, s or l")
	}
	return nil
}

// resume goes on where the last process was. Its last samples may have been in memory only.
func (s *series) resume(cfg *Config, now int64) {
	s.derivable = cfg.mayDerive(s.Metric)
	s.begun = s.Written && now-s.Began > int64(again)
	s.changed = !s.Ended && (!s.Written || now-s.Seen < int64(cfg.QuietFor))
	s.heldSince = now
	if !s.Written && (s.derivable || !s.First.empty()) {
		s.due = now + int64(cfg.Settle)
	}
}

// inUse is how lately what was heard is not forgotten to make room.
const inUse = 10 * time.Minute

// roomForSender and roomForSeries forget a tenth, of what was not heard for longest; false if all are in use. Then all are
// looked through again a second later only.
func (a *accumulator) roomForSender(now int64) bool {
	return a.senderRoom.look(now, func() bool { return a.forget(now-int64(inUse), a.config.MaxSenders/10+1, 0) })
}

func (a *accumulator) roomForSeries(now int64) bool {
	return a.seriesRoom.look(now, func() bool { return a.forget(now-int64(inUse), 0, a.config.MaxSeries/10+1) })
}

// noRoom is until when there is none, Unix nanoseconds.
type noRoom int64

func (n *noRoom) look(now int64, forget func() bool) bool {
	if now < int64(*n) {
		return false
	}
	if forget() {
		return true
	}
	*n = noRoom(now + int64(time.Second))
	return false
}

// expire forgets what was not heard of for long.
func (a *accumulator) expire(now int64) {
	a.forget(now-int64(a.config.KeepFor), len(a.sources), len(a.series))
}

// forget drops up to so many senders and series that were last heard before a time.
func (a *accumulator) forget(before int64, sources, many int) bool {
	var operations []*storage.Operation
	horizon := a.forgotten
	oldSources := oldest(a.sources, func(s *source) int64 { return s.Seen }, before, sources)
	for _, key := range oldSources {
		horizon = max(horizon, a.sources[key].Seen)
		operations = append(operations, storage.DeleteOperation(sourceKey(key)))
	}
	oldSeries := oldest(a.series, func(s *series) int64 { return max(s.Seen, a.loaded) }, before, many)
	for _, key := range oldSeries {
		operations = append(operations, storage.DeleteOperation(seriesKey(key)), storage.DeleteOperation(shapeKey(key)))
	}
	if len(operations) == 0 {
		return false
	}
	was := a.forgotten
	a.forgotten = horizon
	if err := a.saveState(context.Background(), operations...); err != nil {
		a.forgotten = was
		a.logger.Warn("what is old could not be forgotten", zap.Error(err))
		return false
	}
	for _, key := range oldSources {
		a.senderPlaces.Release(a.sources[key].Owner)
		delete(a.sources, key)
	}
	for _, key := range oldSeries {
		a.seriesPlaces.Release(a.series[key].Owner)
		delete(a.series, key)
	}
	a.telemetry.forgot(int64(len(oldSources)), int64(len(oldSeries)))
	return true
}

// oldest are the keys of those last heard before a time, those that were not heard for longest first.
func oldest[T any](all map[uint64]T, seen func(T) int64, before int64, most int) []uint64 {
	var keys []uint64
	for key, each := range all {
		if seen(each) < before {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b uint64) int { return int(min(1, max(-1, seen(all[a])-seen(all[b])))) })
	return keys[:min(most, len(keys))]
}
