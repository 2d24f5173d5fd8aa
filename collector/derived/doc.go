// Package derived is a processor that notes which metrics the gateway derives from the spans of which services, as
// they pass. The processor `accumulate` asks, so that an application's own metric of the same name counts only where
// the gateway has none: both together would double every total.
package derived
