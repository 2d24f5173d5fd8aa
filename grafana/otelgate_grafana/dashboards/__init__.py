"""One module for each dashboard; each has a DASHBOARD. otelgate_grafana/main.py lists them."""
