"""The frame of each process: start and stop, health, telemetry, and access to Prometheus and Loki."""
