package pricing

import (
	"slices"

	"otelgate/collector/operatorfile"
)

// setting is the one that names the override file.
const setting = "prices_file"

// comment is a key that any object may have.
const comment = "comment"

func object(n operatorfile.Node, keys ...string) operatorfile.Object {
	return n.Object(append(slices.Clone(keys), comment)...).Without(comment)
}

func each(n operatorfile.Node, read func(key string, value operatorfile.Node)) {
	n.Each(func(key string, value operatorfile.Node) {
		if key != comment {
			read(key, value)
		}
	})
}

// number from 0 to a limit that keeps every cost finite.
func number(n operatorfile.Node, meaning string) float64 {
	return n.NumberFrom(0, 1e12, meaning+", a number from 0 to 1e12")
}
