// Package sequence is a connector that forwards in order: to all of its pipelines but the last, and to the last only
// when these have accepted. So metrics are derived of a request only once every queue has taken it, and a request, or
// a piece of a large one, that is refused, and perhaps never sent again, is not counted.
//
// Upstream's fan-out goes on to the next pipeline after one has refused.
package sequence
