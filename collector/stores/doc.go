// Package stores wraps the exporters of stores, so that a refused batch does not block others, and loses only the item that
// the store does not accept.
//
// Each store has a second queue on disk, `<exporter>-refused`. A batch goes there when the store refuses it for good, or
// for now (a rate limit, a fault of the store), and the next batches go on. One consumer takes them from there. If a
// batch is refused permanently, the consumer halves and resends it until the bad item is isolated. That item goes to the
// extension `rejects`. A batch that is refused temporarily goes to the end of the second queue. While the store is
// unreachable, batches stay in the first queue, in order.
//
// Both queues together take as many bytes as the first alone may.
package stores
