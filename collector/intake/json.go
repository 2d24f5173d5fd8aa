package intake

import (
	"encoding/base64"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// longestNumber is at least what JSON takes for a number: -2.2250738585072014e-308.
const longestNumber = 24

// jsonSize is the length, or a little more, of the line that Loki makes of a structured body, without making it.
func jsonSize(v pcommon.Value, depth int) int {
	size := 2 // brackets
	if depth >= maxDepth {
		return size // it is cut there
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return quoted(v.Str())
	case pcommon.ValueTypeBytes:
		return size + base64.StdEncoding.EncodedLen(v.Bytes().Len())
	case pcommon.ValueTypeMap:
		for key, each := range v.Map().All() {
			size += quoted(key) + jsonSize(each, depth+1) + 2
		}
		if v.Map().Len() > 0 {
			size--
		}
	case pcommon.ValueTypeSlice:
		for _, each := range v.Slice().All() {
			size += jsonSize(each, depth+1) + 1
		}
		if v.Slice().Len() > 0 {
			size--
		}
	default:
		return longestNumber
	}
	return size
}

// escaped is how much longer a byte becomes in a string of JSON, as Go writes it.
var escaped = func() (more [256]uint8) {
	for b := range 0x20 {
		more[b] = 5 // \u0000
	}
	for _, b := range []byte("\"\\\b\f\n\r\t") {
		more[b] = 1
	}
	return more
}()

// quoted is the length of a text as a string of JSON.
func quoted(t string) int {
	size := len(t) + 2
	for i := range len(t) {
		size += int(escaped[t[i]])
		if t[i] == 0xe2 && i+2 < len(t) && t[i+1] == 0x80 && t[i+2]|1 == 0xa9 { // U+2028, U+2029
			size += len(`\u2028`) - 3
		}
	}
	return size
}
