// Package diskqueue is the storage of the export queues: the Collector's file_storage, with what it lacks. It keeps a
// reserve of disk, so that a queue can always be emptied; sets a damaged file aside, so that the other queues go on;
// finds items that a queue has lost sight of; and never lets a write that failed pass for an item that was sent.
package diskqueue
