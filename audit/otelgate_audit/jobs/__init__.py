"""The keeper's periodic jobs, and erasure: they own the tables, and delete."""
