"""What the examples share: fake models, traffic, faults, servers, history."""
