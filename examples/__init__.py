"""Applications that show what otelgate sees: `make example APP=estate_bot`."""
