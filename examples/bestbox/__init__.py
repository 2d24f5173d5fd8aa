"""BestBox: an office assistant on a model server of its own; a router hands on to four departments."""

from . import switches

__all__ = ["switches"]
