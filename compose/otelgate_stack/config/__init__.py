"""Configuration files that are written when the stack starts: Prometheus', Alertmanager's, and the examples' rules."""
