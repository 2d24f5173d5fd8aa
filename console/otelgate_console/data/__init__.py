"""Reads the audit store, the trace store and Loki for the pages."""
