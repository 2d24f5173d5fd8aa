"""Turns as a file: JSON lines, CSV, Parquet."""
