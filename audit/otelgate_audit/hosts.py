"""Which hosts are this machine: those that the sink listens on, and names in a `Host` header.

A web page can point a name of its own site at 127.0.0.1 and so reach what listens there (DNS rebinding).
"""

from __future__ import annotations

import ipaddress

LOOPBACK = "localhost or a loopback address"
EXPECTED = "an IP address, localhost, or a name without a dot"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there; names other than localhost are not resolved."""
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
