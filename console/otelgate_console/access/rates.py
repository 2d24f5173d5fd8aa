"""A limit on attempts to log in, for each address and for each account."""

import math
import time
from typing import Final

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_RATE: Final = "10/minute"


class Attempts:
    """Counts attempts in memory."""

    def __init__(self, rate: str = _RATE) -> None:
        self._limit = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_s(self, address: str, name: str) -> int:
        """Count an attempt; the seconds until the next is allowed if there were too many, else 0."""
        waits = [self._count("address", address), self._count("account", name)]
        return max(waits)

    def _count(self, kind: str, key: str) -> int:
        if self._limiter.hit(self._limit, kind, key):
            return 0
        reset, _ = self._limiter.get_window_stats(self._limit, kind, key)
        return max(1, math.ceil(reset - time.time()))
