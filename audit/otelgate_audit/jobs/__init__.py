"""The keeper's periodic jobs, and erasure: they run as the tables' owner, and delete."""
