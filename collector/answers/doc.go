// Package answers lets the OTLP receiver answer more truly than it can itself. It is a server middleware of the
// receiver, for gRPC and HTTP. An HTTP request that is too large gets 413 and the setting's name, so that senders split it,
// instead of 400, which makes them drop it. And what the intake processor refused of a request is in its partial success.
//
// The OTLP receiver has no setting for these answers.
package answers
