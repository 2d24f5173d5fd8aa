"""Waiting for something that another process does."""

import time
from collections.abc import Callable

EVERY_S = 0.1


def until(missing: Callable[[], str], seconds: float, every_s: float = EVERY_S) -> str:
    """Ask `missing` until it says nothing more, every `every_s` seconds; what it still says after `seconds`, else "".

    It is asked once at least, and can end the waiting itself by an exception.
    """
    deadline = time.monotonic() + seconds
    while found := missing():
        if time.monotonic() > deadline:
            return found
        time.sleep(every_s)
    return ""
