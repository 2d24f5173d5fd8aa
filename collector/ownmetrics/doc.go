// Package ownmetrics serves the gateway's own metrics as Prometheus text. The Collector's reader for Prometheus has its own
// HTTP server, which takes no middleware for checks. So the metrics are read within the process (telemetry.go), and
// served by the extension `own_metrics`, whose server takes middlewares like any other.
package ownmetrics
