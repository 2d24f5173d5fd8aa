"""The running stack as examples/ sees it, whose starter imports this package and no other one of the stack.

`prepare` checks that the stack is up, `surroundings` are the environment variables of an application, and `find` gives
the stores that take its past.
"""

from ..clients import StoreError
from ..errors import StackError
from ..settings import Settings, load
from .environment import prepare, surroundings
from .stores import Stores, find

__all__ = ["Settings", "StackError", "StoreError", "Stores", "find", "load", "prepare", "surroundings"]
