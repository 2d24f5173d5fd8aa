package genai

import (
	"encoding/binary"
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const applicationName = "otelgate.application"

var ownerSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// owner tells the traces of one application from those of all others in the index, so that an application that learns a
// trace id neither names the agents in it, nor has its calls taken for repeated ones. It is zero without an application.
type owner [16]byte

func ownerOf(resource pcommon.Resource) (o owner) {
	if name, ok := resource.Attributes().Get(applicationName); ok {
		for i, seed := range ownerSeeds {
			binary.LittleEndian.PutUint64(o[8*i:], maphash.String(seed, name.AsString()))
		}
	}
	return o
}

// trace is the id by which the index knows the application's part of a trace. It can't be guessed from outside.
func (o *owner) trace(id pcommon.TraceID) pcommon.TraceID {
	for i := range id {
		id[i] ^= o[i]
	}
	return id
}
