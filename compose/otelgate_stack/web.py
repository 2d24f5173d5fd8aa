"""HTTP to this stack's services, not by a proxy that the environment names."""

import functools
import ssl
from typing import Any

import httpx


@functools.cache
def _tls() -> ssl.SSLContext:
    """To make one takes 40 ms of CPU, which httpx spends for each client, also of addresses without TLS."""
    return httpx.create_ssl_context(trust_env=False)


def client(**options: Any) -> httpx.Client:
    """A client with httpx's own options."""
    return httpx.Client(**{"trust_env": False, "verify": _tls(), **options})


def get(url: str, **options: Any) -> httpx.Response:
    """As httpx.get. Raises httpx.HTTPError."""
    return httpx.get(url, **{"trust_env": False, "verify": _tls(), **options})


def post(url: str, **options: Any) -> httpx.Response:
    """As httpx.post. Raises httpx.HTTPError."""
    return httpx.post(url, **{"trust_env": False, "verify": _tls(), **options})
