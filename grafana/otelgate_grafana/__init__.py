"""Dashboards, alert rules and recording rules as data; `python -m otelgate_grafana` renders them."""
