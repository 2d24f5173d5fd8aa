"""From the gateway's OTLP requests to records. Needs no database."""
