package derive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/bits"
)

// A journal and a snapshot are files of frames: a mark, the length and the checksum of what follows. The mark lets a
// reader find the next frame behind a damaged one.
const frameHead = 2 + 4 + 4

var (
	frameMark  = []byte{0xd7, 0x9e}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// openFrame begins a frame at the end of buf; what is appended then is its content.
func openFrame(buf []byte) []byte {
	buf = append(buf, frameMark...)
	return append(buf, make([]byte, frameHead-len(frameMark))...)
}

// closeFrame ends the frame that begins at `from`.
func closeFrame(buf []byte, from int) {
	content := buf[from+frameHead:]
	binary.LittleEndian.PutUint32(buf[from+2:], uint32(len(content)))
	binary.LittleEndian.PutUint32(buf[from+6:], crc32.Checksum(content, castagnoli))
}

// firstFrame is the content of the frame that data begin with, and what is behind it.
func firstFrame(data []byte) (content, rest []byte, ok bool) {
	if len(data) < frameHead || !bytes.HasPrefix(data, frameMark) {
		return nil, data, false
	}
	length := binary.LittleEndian.Uint32(data[2:])
	if uint64(length) > uint64(len(data)-frameHead) {
		return nil, data, false
	}
	content = data[frameHead : frameHead+int(length)]
	if crc32.Checksum(content, castagnoli) != binary.LittleEndian.Uint32(data[6:]) {
		return nil, data, false
	}
	return content, data[frameHead+int(length):], true
}

// frames hands the content of each sound frame to `each`. It says how many bytes at the end belong to none, and whether
// bytes between frames do not: a last frame that was not written whole is no damage.
func frames(data []byte, each func(content []byte)) (torn int, damaged bool) {
	for len(data) > 0 {
		content, rest, ok := firstFrame(data)
		if ok {
			each(content)
			data = rest
			continue
		}
		next := nextFrame(data)
		if next < 0 {
			return len(data), damaged
		}
		damaged, data = true, data[next:]
	}
	return 0, damaged
}

// nextFrame is where the next sound frame begins, -1 if there is none.
func nextFrame(data []byte) int {
	for from := 1; from < len(data); {
		at := bytes.Index(data[from:], frameMark)
		if at < 0 {
			return -1
		}
		from += at
		if _, _, ok := firstFrame(data[from:]); ok {
			return from
		}
		from++
	}
	return -1
}

func putText(buf []byte, text string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(text))), text...)
}

// putNumber takes few bytes for whole numbers: their last bits are zeros.
func putNumber(buf []byte, number float64) []byte {
	return binary.AppendUvarint(buf, bits.ReverseBytes64(math.Float64bits(number)))
}

var errShort = errors.New("the frame ends too early")

// reader takes a frame's content apart; after a fault it gives zeros.
type reader struct {
	data []byte
	err  error
}

func (r *reader) count() uint64 {
	number, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return number
}

// items is a count of things that take at least `size` bytes each: no more of them than can be there.
func (r *reader) items(size int) int {
	number := r.count()
	if number > uint64(len(r.data)/size) {
		r.fail()
		return 0
	}
	return int(number)
}

func (r *reader) number() float64 {
	return math.Float64frombits(bits.ReverseBytes64(r.count()))
}

func (r *reader) fixed() uint64 {
	if len(r.data) < 8 {
		r.fail()
		return 0
	}
	number := binary.LittleEndian.Uint64(r.data)
	r.data = r.data[8:]
	return number
}

func (r *reader) text() string {
	length := r.items(1)
	text := string(r.data[:length])
	r.data = r.data[length:]
	return text
}

func (r *reader) fail() {
	r.data, r.err = nil, errShort
}
