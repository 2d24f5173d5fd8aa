// Package folderlock is an extension that holds the gateway's data folder for one gateway: two of them would write the
// same queues, and the same series of derived metrics. Extensions start before everything else, so that a second
// gateway ends with this reason and not with a queue's time-out.
//
// Upstream's file_storage only locks single files of queues.
package folderlock
