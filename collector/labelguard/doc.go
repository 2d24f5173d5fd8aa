// Package labelguard is a processor for the metrics that applications send themselves: it takes away
// labels that tell users, sessions or conversations apart, and counts what it took. Readings that then are one series
// it makes one, also those whose labels `redact` has made the same; counters and histograms are left to the processor
// `accumulate`, which adds them up.
package labelguard
