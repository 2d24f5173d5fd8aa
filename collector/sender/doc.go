// Package sender is a processor that marks each point of a counter or histogram with who sent it, as a hash in the
// attribute otelgate.sender. It runs before everything that masks or removes labels: afterwards two processes, or
// two sessions, can look the same. The processor `accumulate` reads the mark and takes it away again.
package sender
