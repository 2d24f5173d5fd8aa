// Package wire looks at OTLP requests before they are decoded. It says how much a request takes, and leaves out what the
// decoder would refuse the whole request for: an id of a wrong length, a null in JSON. Spans that have no id then are
// refused by the processor intake.
package wire

import (
	"bytes"
	"math"
	"strings"
)

// Seen is what was found in a request.
type Seen struct {
	// Size is what the request counts as, bytes: its length, or more where it has many small items, which take their
	// memory however short they are.
	Size int64
	// WrongIDs is the number of ids of a wrong length. Each was left out.
	WrongIDs int
	// TooDeep is the number of lists and maps deeper than maxDepth in others. Each was left out.
	TooDeep int
}

const (
	// itemSize and attributeSize are the least that a span, a log record, a metric, a point, and an attribute count as, bytes.
	itemSize      = 64
	attributeSize = 16
	maxDepth      = 128
)

// Request is the kind of a request, as the schema of its messages.
type Request struct{ message *message }

// Of returns the kind of a request by a name that ends in its signal: of gRPC's message or HTTP's path.
func Of(name string) Request {
	switch {
	case strings.HasSuffix(name, "ExportTraceServiceRequest"), strings.HasSuffix(name, "/v1/traces"):
		return Request{&traces}
	case strings.HasSuffix(name, "ExportLogsServiceRequest"), strings.HasSuffix(name, "/v1/logs"):
		return Request{&logs}
	case strings.HasSuffix(name, "ExportMetricsServiceRequest"), strings.HasSuffix(name, "/v1/metrics"):
		return Request{&metrics}
	}
	return Request{}
}

// Protobuf looks at a request and leaves out what cannot be decoded, in a copy where there is any. Malformed protobuf is
// read up to its fault.
func (r Request) Protobuf(data []byte) ([]byte, Seen) {
	if r.message == nil {
		return data, Seen{Size: int64(len(data))}
	}
	var w walk
	w.message(r.message, data, 0, 0)
	w.Size = max(w.Size, int64(len(data)))
	if len(w.out) > 0 {
		data = bytes.Clone(data)
	}
	for _, each := range w.out {
		each.leaveOut(data)
	}
	return data, w.Seen
}

type walk struct {
	Seen
	out []place
}

// message looks at the fields of one; false where it is no protobuf.
func (w *walk) message(m *message, data []byte, offset, depth int) bool {
	for i := 0; i < len(data); {
		tag, n := varint(data[i:])
		start := i
		if i += n; n == 0 {
			return false
		}
		switch tag & 7 {
		case 0:
			_, n = varint(data[i:])
			if i += n; n == 0 {
				return false
			}
		case 1:
			i += 8
		case 5:
			i += 4
		case 2:
			length, width := varint(data[i:])
			if i += width; width == 0 || length > uint64(len(data)-i) {
				return false
			}
			end := i + int(length)
			if known := tag >> 3; known < uint64(len(m)) {
				at := place{tag: offset + start, tagWidth: n, width: width, length: int(length)}
				if !w.field(&m[known], at, data[i:end], offset+i, depth) {
					return false
				}
			}
			i = end
		default:
			return false
		}
		if i > len(data) {
			return false
		}
	}
	return true
}

func (w *walk) field(f *field, at place, content []byte, offset, depth int) bool {
	w.Size += f.size
	switch {
	case f.message == nil:
		if f.id != 0 && len(content) != 0 && len(content) != f.id && at.tagWidth == 1 {
			w.out = append(w.out, at)
			w.WrongIDs++
		}
		return true
	case f.nests:
		if depth++; depth > maxDepth && len(content) > 0 {
			if at.tagWidth > 1 { // which no encoder writes
				w.Size = math.MaxInt64
				return false
			}
			w.out = append(w.out, at)
			w.TooDeep++
			return true
		}
	case f.message == &value && isText(content):
		return true
	}
	return w.message(f.message, content, offset, depth)
}

// isText says whether a value of an attribute is a short text and nothing else, as most are.
func isText(value []byte) bool {
	return len(value) == 0 || (len(value) > 1 && value[0] == 0x0a && value[1] < 0x80 && len(value) == 2+int(value[1]))
}

// place of a field.
type place struct {
	tag      int // its offset, bytes
	tagWidth int
	width    int // of the length, bytes
	length   int
}

// unknown is the tag of a field, 31, that no message has: decoders skip it.
var unknown = [2]byte{0xfa, 0x01}

// leaveOut makes a field, whose tag is one byte, an unknown one in its place: its tag takes one byte of the content.
func (p place) leaveOut(data []byte) {
	at := data[p.tag : p.tag+2+p.width]
	copy(at, unknown[:])
	left := p.length - 1
	for i := range p.width {
		at[2+i] = byte(left>>(7*i)) & 0x7f
		if i < p.width-1 {
			at[2+i] |= 0x80
		}
	}
}

// varint returns a number and its width, or the width 0 where there is none.
func varint(data []byte) (uint64, int) {
	if len(data) > 0 && data[0] < 0x80 {
		return uint64(data[0]), 1
	}
	var value uint64
	for i, each := range data[:min(len(data), 10)] {
		value |= uint64(each&0x7f) << (7 * i)
		if each < 0x80 {
			return value, i + 1
		}
	}
	return 0, 0
}
