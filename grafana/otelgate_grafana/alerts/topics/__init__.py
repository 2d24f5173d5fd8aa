"""The alerts by topic: rules.py finds them."""
