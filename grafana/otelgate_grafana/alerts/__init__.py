"""Every alert, in groups, as data."""
