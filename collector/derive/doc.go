// Package derive is a connector: spans and log events in, metrics out, by a declarative list
// (metrics.yaml). See README.md in this folder for what its numbers promise.
//
// The metric SDK of OpenTelemetry is not used, because a series of it has no zero before its first
// value and never ends, a flush writes what has not changed, and a measurement cannot count for more
// than one (a span that represents the nine that sampling dropped).
package derive
