"""Middleware for every answer: security headers for browsers, and an access log without content.

It refuses requests of pages other than those that may vote. Without a proxy in front, it also refuses requests for a
public domain name: a page sent them by DNS rebinding.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import hosts
from .refusal import Refusal

_LOGGER: Final = logging.getLogger(__name__)

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


_PROXY: Final = "with a proxy in front, set OTELGATE_FEEDBACK_TRUST_PROXY"


class Pages(Enum):
    """The web pages that may request a path."""

    ALL = "all"
    LISTED = "those of the listed origins"
    NONE = "none"


class SecurityHeadersMiddleware:
    """ASGI middleware. It doesn't overwrite the answer's own headers."""

    def __init__(self, app: ASGIApp, paths: Mapping[str, Pages], origins: Collection[str], behind_proxy: bool) -> None:
        self._app = app
        self._paths = paths
        self._origins = origins
        self._behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["path"], Headers(scope=scope))
        try:
            await (refusal.response() if refusal else self._app)(scope, receive, sending)
        finally:
            self._log(scope, status, time.monotonic() - began)

    def _refusal(self, path: str, headers: Headers) -> Refusal | None:
        host = headers.get("Host", "")
        if not self._behind_proxy and not hosts.is_local(host):
            return Refusal(421, "Host", host, f"{hosts.EXPECTED}; {_PROXY}")
        pages = self._paths.get(path, Pages.NONE)
        if pages is Pages.NONE and hosts.is_of_page(headers):
            return Refusal(403, "path", path, "no request of a web page")
        if pages is Pages.LISTED and self._is_of_unlisted_page(headers):
            return Refusal(403, "Origin", headers.get("Origin", ""), "an origin in OTELGATE_FEEDBACK_ORIGINS")
        return None

    def _is_of_unlisted_page(self, headers: Headers) -> bool:
        # A proxy may set another Host. Then only the browser knows whether a page is of the same origin.
        if self._behind_proxy and "Sec-Fetch-Site" not in headers:
            return False
        return hosts.is_of_foreign_page(headers, self._origins)

    def _log(self, scope: dict[str, Any] | Any, status: int, seconds: float) -> None:
        """Log a request without address, query or unknown path: any of them may identify a person."""
        path = scope["path"] if scope["path"] in self._paths else "(another path)"
        level = logging.DEBUG if path == "/health" else logging.INFO
        _LOGGER.log(level, "%s %s %d %.0f ms", scope["method"], path, status, seconds * 1000)
