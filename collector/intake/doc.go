// Package intake makes every item acceptable to every hop behind the gateway, or refuses it so that its sender knows:
// it cuts what is too large, repairs what a store would refuse permanently, and leaves everything else unchanged. It follows
// the memory limiter directly, so one bad item costs no neighbour in any store. docs/reference/limits.md has the limits.
//
// Upstream's components pass on an item that a store will refuse, or drop the whole request.
package intake
