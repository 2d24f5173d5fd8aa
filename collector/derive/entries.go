package derive

import (
	"encoding/binary"
	"slices"
	"time"
)

// The entries of a frame, besides a file's header.
const (
	frameCounted = 'c' // what a request added: new series, identities, increments. A snapshot is made of them, too
	frameEnded   = 'e' // series that expired
	frameOld     = 'o' // identities of the older generation
	frameYoung   = 'y' // of the younger one, and since when it is
)

// Bounds of a snapshot's frames.
const (
	seriesOfFrame = 1000
	keysOfFrame   = 100_000
)

// writeRequest is the frame of a request. Series that the journal doesn't know get their number here.
func (c *connector) writeRequest(buf []byte, r *record) []byte {
	t := &r.tally
	c.fresh = c.fresh[:0]
	for i := range t.touched {
		if s := t.touched[i].series; s.number == 0 {
			c.numbered++
			s.number = c.numbered
			c.fresh = append(c.fresh, t.touched[i])
		}
	}
	buf = append(openFrame(buf), frameCounted)
	buf = binary.AppendUvarint(buf, uint64(r.at))
	buf = binary.AppendUvarint(buf, uint64(len(c.fresh)))
	for i := range c.fresh {
		buf = putSeries(buf, c.fresh[i].metric, c.fresh[i].series)
	}
	buf = putKeys(buf, t.keys)
	buf = binary.AppendUvarint(buf, uint64(len(t.touched)))
	for i := range t.touched {
		one := &t.touched[i]
		buf = binary.AppendUvarint(buf, one.number)
		buf = putNumber(buf, one.staged.sum)
		if !one.metric.histogram {
			buf = append(buf, 0)
			continue
		}
		buf = binary.AppendUvarint(buf, uint64(len(one.staged.hits)))
		for _, hit := range one.staged.hits {
			buf = putNumber(binary.AppendUvarint(buf, uint64(hit.bucket)), hit.weight)
		}
	}
	closeFrame(buf, 0)
	return buf
}

func putKeys(buf []byte, keys []uint64) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(keys)))
	for _, key := range keys {
		buf = binary.LittleEndian.AppendUint64(buf, key)
	}
	return buf
}

func putSeries(buf []byte, m *metric, s *series) []byte {
	buf = binary.AppendUvarint(buf, s.number)
	buf = putText(buf, m.name)
	buf = binary.AppendUvarint(buf, uint64(s.part+1))
	buf = binary.LittleEndian.AppendUint64(buf, m.shape(s.part))
	buf = binary.AppendUvarint(buf, uint64(s.start))
	buf = binary.AppendUvarint(buf, uint64(s.seen))
	buf = binary.AppendUvarint(buf, uint64(len(s.labels)))
	for _, label := range s.labels {
		buf = putText(putText(buf, label.key), label.value)
	}
	return buf
}

// writeEnded is the frame of series that ended. If they start again, they must not come back with their totals.
func writeEnded(numbers []uint64) []byte {
	buf := append(openFrame(nil), frameEnded)
	buf = putKeys(buf, numbers)
	closeFrame(buf, 0)
	return buf
}

// writeSnapshot adds frames with all series and identities.
func (c *connector) writeSnapshot(buf []byte) []byte {
	for _, m := range c.plan.metrics {
		for i := range m.series.shards {
			buf = m.writeShard(buf, &m.series.shards[i])
		}
	}
	buf = writeGeneration(buf, frameOld, c.resent.Turned, c.resent.Old)
	return writeGeneration(buf, frameYoung, c.resent.Turned, c.resent.Young)
}

func (m *metric) writeShard(buf []byte, shard *storeShard) []byte {
	shard.Lock()
	defer shard.Unlock()
	all := make([]*series, 0, len(shard.series))
	for _, s := range shard.series {
		if s.seen > 0 {
			all = append(all, s)
		}
	}
	for some := range slices.Chunk(all, seriesOfFrame) {
		from := len(buf)
		buf = binary.AppendUvarint(append(openFrame(buf), frameCounted), 0) // each says when it was seen
		buf = binary.AppendUvarint(buf, uint64(len(some)))
		for _, s := range some {
			buf = putSeries(buf, m, s)
		}
		buf = putKeys(buf, nil)
		buf = binary.AppendUvarint(buf, uint64(len(some)))
		for _, s := range some {
			buf = putNumber(binary.AppendUvarint(buf, s.number), s.sum)
			buf = binary.AppendUvarint(buf, uint64(len(s.buckets)))
			for bucket, weight := range s.buckets {
				buf = putNumber(binary.AppendUvarint(buf, uint64(bucket)), weight)
			}
		}
		closeFrame(buf, from)
	}
	return buf
}

func writeGeneration(buf []byte, kind byte, turned time.Time, keys map[uint64]struct{}) []byte {
	all := make([]uint64, 0, len(keys))
	for key := range keys {
		all = append(all, key)
	}
	for some := range slices.Chunk(all, keysOfFrame) {
		from := len(buf)
		buf = binary.AppendUvarint(append(openFrame(buf), kind), uint64(turned.UnixNano()))
		buf = putKeys(buf, some)
		closeFrame(buf, from)
	}
	return buf
}
