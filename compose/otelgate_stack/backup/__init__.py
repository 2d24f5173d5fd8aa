"""`make backup` and `make restore`."""
