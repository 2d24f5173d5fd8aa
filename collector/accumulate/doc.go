// Package accumulate is a processor that makes one cumulative series of what many senders say: cumulative or delta
// counters and histograms of processes and sessions that, without the labels that told them apart, look the same.
//
// For each sender it keeps the last value that it saw, for each series that goes out the total, and both are in the
// storage before a request is acknowledged, so that a gateway that is killed goes on where it was. The Collector's
// own processors for this, cumulativetodelta and deltatocumulative, keep both in memory only: after a restart the
// first forgets what was counted, and the second begins at zero again.
package accumulate
