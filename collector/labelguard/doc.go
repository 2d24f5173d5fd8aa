// Package labelguard is a processor for the metrics that applications send themselves: it takes away
// labels that tell users, sessions or conversations apart, adds up the series that then are one, counts
// what it took, and drops metrics that the gateway derives itself.
package labelguard
