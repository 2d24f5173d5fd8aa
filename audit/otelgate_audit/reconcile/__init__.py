"""Compares the gateway's counts with the rows that are stored."""
