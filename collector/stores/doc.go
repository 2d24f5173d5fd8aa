// Package stores wraps the exporters of stores, so that a batch which a store refuses holds up no other, and loses no item
// but the one that the store does not take.
//
// Each store has a second queue on disk, `<exporter>-refused`. A batch goes there when the store refuses it for good, or
// for now (a rate limit, a fault of the store), and the next batches go on. One consumer takes them from there. A batch
// that is refused for good it cuts in halves and sends again, until the item stands alone that the store does not take:
// that one goes to the extension `rejects`. A batch that is refused for now goes to the end of the second queue. While the
// store cannot be reached, batches stay in the first queue, in their order.
//
// Both queues together take as many bytes as the first alone may.
package stores
