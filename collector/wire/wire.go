// Package wire looks at OTLP requests before they are decoded, and leaves out what the decoder would refuse the whole
// request for: an id of a wrong length, a null in JSON. Spans that have no id then are refused by the processor intake.
package wire

import (
	"bytes"
	"strings"
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

// field is what one number of a message stands for.
type field struct {
	message *message
	id      int // the length of an id, bytes
}

// message has the fields that hold ids, or messages that do, by their numbers (opentelemetry-proto).
type message [14]field

const (
	traceID = 16
	spanID  = 8
)

var (
	link     = message{1: {id: traceID}, 2: {id: spanID}}
	span     = message{1: {id: traceID}, 2: {id: spanID}, 4: {id: spanID}, 13: {message: &link}}
	record   = message{9: {id: traceID}, 10: {id: spanID}}
	exemplar = message{4: {id: spanID}, 5: {id: traceID}}

	number      = points(message{5: {message: &exemplar}})
	histogram   = points(message{8: {message: &exemplar}})
	exponential = points(message{11: {message: &exemplar}})
	metric      = message{5: {message: &number}, 7: {message: &number}, 9: {message: &histogram}, 10: {message: &exponential}}

	traces  = request(&span)
	logs    = request(&record)
	metrics = request(&metric)
)

// points is a message with data points, each of which is of this kind.
func points(point message) message { return message{1: {message: &point}} }

// request is resources, scopes and their items, in the same places for each signal.
func request(item *message) message {
	scope := message{2: {message: item}}
	resource := message{2: {message: &scope}}
	return message{1: {message: &resource}}
}

// Protobuf leaves out the ids of a wrong length, and returns how many. A copy is made where there are any. Nothing
// changes in what is no protobuf.
func (r Request) Protobuf(data []byte) ([]byte, int) {
	if r.message == nil {
		return data, 0
	}
	ids, ok := r.message.wrong(data, 0, nil)
	if !ok || len(ids) == 0 {
		return data, 0
	}
	data = bytes.Clone(data)
	for _, each := range ids {
		each.leaveOut(data)
	}
	return data, len(ids)
}

// place of a field whose tag is one byte.
type place struct {
	tag    int // its offset, bytes
	width  int // of the length, bytes
	length int
}

// wrong appends the places of ids whose length is neither right nor 0; false where it is no protobuf.
func (m *message) wrong(data []byte, offset int, found []place) ([]place, bool) {
	for i := 0; i < len(data); {
		tag, n := varint(data[i:])
		start := i
		if i += n; n == 0 {
			return found, false
		}
		switch tag & 7 {
		case 0:
			_, n = varint(data[i:])
			if i += n; n == 0 {
				return found, false
			}
		case 1:
			i += 8
		case 5:
			i += 4
		case 2:
			length, width := varint(data[i:])
			if i += width; width == 0 || length > uint64(len(data)-i) {
				return found, false
			}
			end := i + int(length)
			if known := tag >> 3; known < uint64(len(m)) && n == 1 {
				switch of := m[known]; {
				case of.message != nil:
					var ok bool
					if found, ok = of.message.wrong(data[i:end], offset+i, found); !ok {
						return found, false
					}
				case of.id != 0 && length != 0 && length != uint64(of.id):
					found = append(found, place{offset + start, width, int(length)})
				}
			}
			i = end
		default:
			return found, false
		}
		if i > len(data) {
			return found, false
		}
	}
	return found, true
}

// unknown is the tag of a field, 31, that no message has: decoders skip it.
var unknown = [2]byte{0xfa, 0x01}

// leaveOut makes the field an unknown one in its place: its tag takes one byte of the id.
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
