"""The otelgate stack: builds the gateway and its backends, runs them, and looks into them (`make up`, `make demo`)."""
