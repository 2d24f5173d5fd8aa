"""Recognises requests from this machine's own programs, by their `Host` and by the headers that browsers add.

A web page can send requests to this machine's loopback. It can also point a name of its site at 127.0.0.1 and so
read from a server there (DNS rebinding). The gateway's check is collector/pages.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit

LOOPBACK = "localhost or a loopback address"
EXPECTED = "an IP address, localhost, or a name without a dot"


class Headers(Protocol):
    """A request's headers; names are case-insensitive."""

    def get(self, name: str, default: str, /) -> str: ...


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener there; names other than localhost are not resolved."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local(host: str) -> bool:
    """Whether a Host header, with or without a port, names something local. A public site's name has a dot."""
    name = host.lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.removesuffix(".")
    if "." not in name or name.endswith(".localhost") or name == "host.docker.internal":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_of_page(headers: Headers) -> bool:
    """Whether a web page sent it. A page can neither set nor leave out these headers; an address bar sends `none`."""
    return bool(headers.get("Origin", "")) or headers.get("Sec-Fetch-Site", "none") != "none"


def is_of_foreign_page(headers: Headers, origins: Collection[str] = ()) -> bool:
    """Whether a page of another origin sent it, that is none of `origins` either; a link that was followed did not."""
    origin, site = headers.get("Origin", ""), headers.get("Sec-Fetch-Site", "")
    if origin in origins or (not origin and headers.get("Sec-Fetch-Dest", "") == "document"):
        return False
    if site:
        return site not in ("none", "same-origin")
    return bool(origin) and urlsplit(origin).netloc != headers.get("Host", "")
