"""Waiting for what others do, where nothing tells when it is done."""

import time
from collections.abc import Callable
from typing import TypeVar

from otelgate_stack.clients import StoreError

T = TypeVar("T")


def until(
    look: Callable[[], T], wanted: Callable[[T], bool] = bool, *, deadline_s: float = 60, every_s: float = 0.1
) -> T:
    """The first value of `look` that is wanted, or the last one when time is up; a store's errors are waited out."""
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            found = look()
        except StoreError:
            if time.monotonic() > deadline:
                raise
        else:
            if wanted(found) or time.monotonic() > deadline:
                return found
        time.sleep(every_s)
