package diskqueue

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"otelgate/collector/disk"
)

// checked keeps a checksum for each value of a file. bbolt checks its pages' structure only: without it, a value that
// the disk altered would be sent as it is, or dropped by the queue without a word. A damaged value is set aside and
// named, and treated as absent; its neighbours are used. Values that an earlier version wrote have no checksum
// and are taken as they are.
type checked struct {
	next   storage.Client
	file   string
	logger *zap.Logger
}

// sumPrefix begins the key of a value's checksum. It sorts before each key of a value.
const sumPrefix = "\x00crc32c "

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(value []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Checksum(value, castagnoli))
}

func sound(value, sumOfIt []byte) bool {
	return value == nil || sumOfIt == nil || string(sum(value)) == string(sumOfIt)
}

func (c *checked) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *checked) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *checked) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *checked) Close(ctx context.Context) error { return c.next.Close(ctx) }

// Batch is one transaction, of the values and their checksums.
func (c *checked) Batch(ctx context.Context, ops ...*storage.Operation) error {
	all := withSums(ops)
	if err := c.next.Batch(ctx, all...); err != nil {
		return err
	}
	for i, op := range ops {
		if op.Type == storage.Get && !sound(op.Value, all[len(ops)+i].Value) {
			c.setAside(op.Key, op.Value)
			op.Value = nil
		}
	}
	return nil
}

// withSums is ops, followed by the same for the checksum of each.
func withSums(ops []*storage.Operation) []*storage.Operation {
	all := append(make([]*storage.Operation, 0, 2*len(ops)), ops...)
	for _, op := range ops {
		var value []byte
		if op.Type == storage.Set {
			value = sum(op.Value)
		}
		all = append(all, &storage.Operation{Key: sumPrefix + op.Key, Value: value, Type: op.Type})
	}
	return all
}

// Walk gives each key with its value, which is nil where it is damaged.
func (c *checked) Walk(ctx context.Context, each storage.WalkFunc) error {
	sums := map[string][]byte{}
	return c.walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		if of, ok := strings.CutPrefix(key, sumPrefix); ok {
			sums[of] = append([]byte(nil), value...)
			return nil, nil
		}
		if !sound(value, sums[key]) {
			c.setAside(key, value)
			value = nil
		}
		ops, err := each(key, value)
		return withSums(ops), err
	})
}

// sizes gives each key with the bytes of its value, which stays unread: a queue's file may be large.
func (c *checked) sizes(ctx context.Context, each func(key string, bytes int64)) error {
	return c.walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		if !strings.HasPrefix(key, sumPrefix) {
			each(key, int64(len(value)))
		}
		return nil, nil
	})
}

func (c *checked) walk(ctx context.Context, each storage.WalkFunc) error {
	walker, ok := c.next.(storage.Walker)
	if !ok {
		return errors.New("the storage cannot list its entries")
	}
	return walker.Walk(ctx, each)
}

// setAside keeps a damaged value in its own file.
func (c *checked) setAside(key string, value []byte) {
	aside := disk.AsideName(c.file, time.Now())
	c.logger.Error("a value in a queue's file is damaged: it is set aside and not used; the others are",
		zap.String("file", c.file), zap.String("key", key), zap.Int("bytes", len(value)), zap.String("set_aside", aside),
		zap.NamedError("write", os.WriteFile(aside, value, 0o600)))
}
