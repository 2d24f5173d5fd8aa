// Package admission bounds the memory that requests take: it knows what is in flight, and refuses, so that senders try
// again, what does not fit. It is a server middleware of the OTLP receiver, for gRPC and HTTP, and asks the export
// queues whether the disk has room before anything is decoded.
package admission
