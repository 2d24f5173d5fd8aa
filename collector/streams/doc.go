// Package streams is a processor that bounds the streams of log lines that Loki gets: each service, with its namespace and
// environment, is one, and each takes memory there. The places are shares of applications; lines beyond an application's
// share go to the stream of the service `_OTHER`.
//
// Upstream's components do not limit the number of streams.
package streams
