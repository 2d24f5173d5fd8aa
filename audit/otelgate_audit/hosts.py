"""Which hosts are this machine: those that the sink listens on, and names in a `Host` header.

A web page may lead a name of its own site to 127.0.0.1, and is then let in to what listens there: DNS rebinding.
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
    """Whether no stranger's site can have this name (`Host`, with or without a port): those have a dot."""
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
