"""Rate limits for votes, per address and per voter."""

from __future__ import annotations

import ipaddress
import math
import time
from typing import Final

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from .refusal import Refusal

_IPV6_CUSTOMER: Final = 64
"""Bits: one customer has at least a /64, and may take another address of it for each request."""


class Rates:
    """Counts in memory, per process. `rate` is for example 30/minute."""

    def __init__(self, rate: str) -> None:
        self._rate = rate
        self._limit = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, what: str, who: str) -> None:
        """Count one more of `who`. Raises Refusal (429) with the seconds until the next is accepted."""
        if not self._limiter.hit(self._limit, what, who):
            reset, _ = self._limiter.get_window_stats(self._limit, what, who)
            seconds = max(1, math.ceil(reset - time.time()))
            raise Refusal(429, what, None, f"at most {self._rate}", {"Retry-After": str(seconds)})


def client(request: Request, proxies: int) -> str:
    """The client's address, for IPv6 its /64.

    `proxies`: the number of trusted proxies in front, each of which appends its peer to X-Forwarded-For. The client
    controls the entries further left.
    """
    peer = request.client.host if request.client else ""
    if proxies:
        heard = [part.strip() for line in request.headers.getlist("x-forwarded-for") for part in line.split(",")]
        heard = [part for part in heard if part]
        if heard:
            peer = heard[max(0, len(heard) - proxies)]
    return _group(peer)


def _group(written: str) -> str:
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return written[:60]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_CUSTOMER), strict=False))
    return str(address)
