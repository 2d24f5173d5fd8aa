package diskqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// client is the storage of one queue. The Collector's queue takes an item for sent when the disk has no room to write
// down that it was read, and forgets it. So what it writes about items that are there, read or sent, is never refused
// here: it is kept in memory (late) and written with the next thing for which there is room. After a crash the queue is
// where it was on disk, and sends some items again. Only new items are refused.
type client struct {
	next   *checked
	queue  string // as a person names it
	id     component.ID
	name   string
	room   func(size int64) error
	logger *zap.Logger

	mu      sync.Mutex
	late    map[string]*storage.Operation
	holes   holes
	reading map[string]int64 // bytes of the items that were read and not yet deleted

	bytes    atomic.Int64 // of the items that are in the file
	waiting  atomic.Int64 // writes that wait for room
	orphaned atomic.Int64 // items that were found again at the start
}

var errHole = errors.New("no such item")

func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch is one transaction.
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.waiting.Store(int64(len(c.late))) }()
	for _, op := range ops {
		if index, ok := itemIndex(op.Key); ok && op.Type == storage.Set {
			return c.put(ctx, index, op, ops)
		}
	}
	return c.settle(ctx, ops)
}

// Close writes what is late, if there is room now.
func (c *client) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.late) > 0 {
		if err := c.next.Batch(ctx, c.withLate(nil)...); err != nil {
			c.logger.Warn("the disk has no room to record the sent items; they are sent again after the start",
				zap.String("queue", c.queue), zap.Int("writes", len(c.late)), zap.Error(err))
		}
	}
	return c.next.Close(ctx)
}

// put writes a new item, or refuses it.
func (c *client) put(ctx context.Context, index uint64, item *storage.Operation, ops []*storage.Operation) error {
	size := int64(len(item.Value))
	err := c.room(size)
	if err == nil {
		err = c.next.Batch(ctx, c.withLate(ops)...)
	}
	if err != nil {
		c.holes.add(index) // the queue counts on, and will look for it
		return fmt.Errorf("queue of %s: %w", c.queue, err)
	}
	clear(c.late)
	c.bytes.Add(size)
	return nil
}

// settle reads items and writes down what became of them. It fails only where an item cannot be read.
func (c *client) settle(ctx context.Context, ops []*storage.Operation) error {
	if c.ofHole(ops) {
		c.keepIndexes(ops)
		if slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Get }) {
			return errHole
		}
		return nil
	}
	err := c.next.Batch(ctx, c.withLate(ops)...)
	if err == nil {
		clear(c.late)
	} else {
		if len(c.late) == 0 {
			c.logger.Error("the disk has no room for the queue's writes; the queue continues from memory, and refuses new items",
				zap.String("queue", c.queue), zap.Error(err))
		}
		c.keep(ops)
		if err = c.read(ctx, ops); err != nil {
			return err
		}
	}
	for _, op := range ops {
		if _, ok := itemIndex(op.Key); ok && op.Type == storage.Get && op.Value == nil {
			return errHole // the queue would send an empty request
		}
		c.count(op)
	}
	return nil
}

// count follows an item from its reading to its end.
func (c *client) count(op *storage.Operation) {
	if late, ok := c.late[op.Key]; ok && op.Type == storage.Get {
		op.Value = late.Value
	}
	if _, ok := itemIndex(op.Key); !ok {
		return
	}
	switch op.Type {
	case storage.Get:
		c.reading[op.Key] = int64(len(op.Value))
	case storage.Delete:
		c.bytes.Add(-c.reading[op.Key])
		delete(c.reading, op.Key)
	}
}

// read is the part of ops that needs no room.
func (c *client) read(ctx context.Context, ops []*storage.Operation) error {
	var gets []*storage.Operation
	for _, op := range ops {
		if op.Type == storage.Get {
			gets = append(gets, op)
		}
	}
	if len(gets) == 0 {
		return nil
	}
	return c.next.Batch(ctx, gets...)
}

func (c *client) keep(ops []*storage.Operation) {
	for _, op := range ops {
		if op.Type != storage.Get {
			c.late[op.Key] = op
		}
	}
}

// keepIndexes is for an item that is not there, of which nothing else has to be written down.
func (c *client) keepIndexes(ops []*storage.Operation) {
	for _, op := range ops {
		if op.Type == storage.Set {
			c.late[op.Key] = op
		}
	}
}

// withLate puts what is late before ops, which win.
func (c *client) withLate(ops []*storage.Operation) []*storage.Operation {
	if len(c.late) == 0 {
		return ops
	}
	all := make([]*storage.Operation, 0, len(c.late)+len(ops))
	for _, op := range c.late {
		all = append(all, op)
	}
	return append(all, ops...)
}

func (c *client) ofHole(ops []*storage.Operation) bool {
	return slices.ContainsFunc(ops, func(op *storage.Operation) bool {
		index, ok := itemIndex(op.Key)
		return ok && c.holes.has(index)
	})
}

// recover brings the queue's indexes in line with the items that are in the file, before the queue reads them.
func (c *client) recover(ctx context.Context) error {
	items, raw, err := c.contents(ctx)
	if err != nil {
		return err
	}
	m, err := parse(raw)
	if raw == nil && len(items) == 0 {
		return nil // a new file
	}
	if raw == nil || err != nil {
		m = indexes{} // then all items are orphans
	}
	m, orphans, far := m.rewind(items)
	c.holes = between(items, m.read, m.write)
	c.orphaned.Store(int64(orphans))
	if orphans > 0 {
		c.logger.Warn("the queue's file holds items that are missing from its indexes: they are sent now",
			zap.String("queue", c.queue), zap.Int("items", orphans-far), zap.Int("too_far_back", far))
	}
	c.late[metadataKey] = storage.SetOperation(metadataKey, m.marshal())
	return nil
}

// contents lists the items, in order, and the queue's metadata.
func (c *client) contents(ctx context.Context) (items []stored, meta []byte, err error) {
	err = c.next.sizes(ctx, func(key string, bytes int64) {
		if index, ok := itemIndex(key); ok {
			items = append(items, stored{index, bytes})
			c.bytes.Add(bytes)
		}
	})
	if err == nil {
		meta, err = c.next.Get(ctx, metadataKey)
	}
	slices.SortFunc(items, func(a, b stored) int { return cmp.Compare(a.index, b.index) })
	return items, meta, err
}

// itemIndex is the number of the item that has this key, if it is an item's.
func itemIndex(key string) (uint64, bool) {
	index, err := strconv.ParseUint(key, 10, 64)
	return index, err == nil
}
