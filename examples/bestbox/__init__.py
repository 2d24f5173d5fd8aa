"""BestBox: an office assistant with its own model server; a router hands on to four departments."""

from . import switches

__all__ = ["switches"]
