"""Shared by the processes: start and stop, health, telemetry, and access to Prometheus and Loki."""
