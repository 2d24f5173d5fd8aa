"""Shared parts of the examples: fake models, traffic, faults, servers, history."""
