// Package storeanswers decides which answers of a store are final. It is a client middleware of the exporters, for gRPC
// and HTTP. The Collector's exporters drop a request on each answer that OTLP does not call retryable: also while a store
// stops (Tempo answers UNKNOWN then), has a full disk (INTERNAL, 500), limits its rate (RESOURCE_EXHAUSTED), or does not
// know the gateway's password (401). An answer is final only if the same request would get it again; after any other the
// request stays in its queue and is retried.
//
// A store that answers before it has written the data to disk gets `wait`: the request stays in its queue for so long
// after the answer, and is sent again if the connection breaks in that time.
package storeanswers
