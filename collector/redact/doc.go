// Package redact is the gateway's one policy point for message content. An instance of the processor runs
// before each destination and decides what it may get: nothing that carries content (none), content with
// personal data and keys masked (masked), or all (full). It fails closed: an unknown value stops the start,
// and a batch that cannot be cleaned is refused.
package redact
