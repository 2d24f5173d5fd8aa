// Package rejects keeps a record of the items that a store refused for good, in the file rejects.jsonl: which item of
// which application and service, which store, and why. It holds no content of the item.
//
// Upstream's exporters log such items, and keep no record of them.
package rejects
