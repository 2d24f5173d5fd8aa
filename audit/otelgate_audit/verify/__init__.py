"""Checks that the store still says what was committed."""
