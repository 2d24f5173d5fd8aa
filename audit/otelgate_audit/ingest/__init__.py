"""From the gateway's OTLP requests to records. Decoding needs no database."""
