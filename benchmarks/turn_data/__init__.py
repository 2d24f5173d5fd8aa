"""Made-up turns for benchmarks and tests, the same for the same seed."""
