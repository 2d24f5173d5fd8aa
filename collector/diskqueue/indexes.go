package diskqueue

import (
	"encoding/binary"
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// metadataKey is where the Collector's queue keeps its indexes (exporterhelper, persistent_queue.go), next to the items,
// whose keys are their decimal numbers.
const metadataKey = "qmv0"

// indexes are exporterhelper's message PersistentMetadata, which it does not export.
type indexes struct {
	items, bytes uint64
	read, write  uint64   // the next item to be read, and the next to be written
	dispatched   []uint64 // read, and not yet sent
}

const (
	fieldItems = iota + 1
	fieldBytes
	fieldRead
	fieldWrite
	fieldDispatched
)

var errMetadata = errors.New("its indexes cannot be read")

func parse(raw []byte) (indexes, error) {
	var m indexes
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return m, errMetadata
		}
		raw = raw[n:]
		if number == fieldDispatched && kind == protowire.BytesType {
			packed, n := protowire.ConsumeBytes(raw)
			if n < 0 || len(packed)%8 != 0 {
				return m, errMetadata
			}
			for ; len(packed) > 0; packed = packed[8:] {
				m.dispatched = append(m.dispatched, binary.LittleEndian.Uint64(packed))
			}
			raw = raw[n:]
			continue
		}
		value, n := protowire.ConsumeFixed64(raw)
		if n < 0 || kind != protowire.Fixed64Type {
			return m, errMetadata
		}
		raw = raw[n:]
		switch number {
		case fieldItems:
			m.items = value
		case fieldBytes:
			m.bytes = value
		case fieldRead:
			m.read = value
		case fieldWrite:
			m.write = value
		case fieldDispatched:
			m.dispatched = append(m.dispatched, value)
		}
	}
	return m, nil
}

func (m indexes) marshal() []byte {
	var out []byte
	for number, value := range []uint64{fieldItems: m.items, fieldBytes: m.bytes, fieldRead: m.read, fieldWrite: m.write} {
		if value != 0 {
			out = protowire.AppendTag(out, protowire.Number(number), protowire.Fixed64Type)
			out = protowire.AppendFixed64(out, value)
		}
	}
	for _, index := range m.dispatched {
		out = protowire.AppendTag(out, fieldDispatched, protowire.Fixed64Type)
		out = protowire.AppendFixed64(out, index)
	}
	return out
}

// stored is one item in the file.
type stored struct {
	index uint64
	bytes int64
}

// furthest is how far back the read index goes for an item: each index between is looked at again.
const furthest = 1_000_000

// rewind points the read index at the oldest item that is in the file, so that everything in it is read again. Items
// in flight when the process ended are read in their place: the Collector would copy them to the queue's end, which
// takes space that a full disk does not have. It returns how many items were missing from the indexes, and how many of
// those are too far back to be read again.
func (m indexes) rewind(items []stored) (next indexes, orphans, far int) {
	sent := slices.Clone(m.dispatched)
	slices.Sort(sent)
	oldest := m.read
	for _, item := range items { // in the order of their indexes
		_, known := slices.BinarySearch(sent, item.index)
		known = known || (item.index >= m.read && item.index < m.write)
		if !known {
			orphans++
		}
		if item.index+furthest < m.read {
			far++
			continue
		}
		if !known {
			m.bytes += uint64(item.bytes)
		}
		oldest = min(oldest, item.index)
		m.write = max(m.write, item.index+1)
	}
	m.read, m.dispatched = oldest, nil
	return m, orphans, far
}
