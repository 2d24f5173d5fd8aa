"""Around every answer: headers that keep it harmless in a browser, and an access log without content.

Without a proxy in front, requests for a name of the internet are refused: a page sent them by DNS rebinding.
"""

from __future__ import annotations

import logging
import time
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


class Shield:
    """ASGI middleware. A header that the answer has already stays as it is."""

    def __init__(self, app: ASGIApp, paths: frozenset[str], behind_proxy: bool) -> None:
        self._app = app
        self._paths = paths
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

        host = Headers(scope=scope).get("host", "")
        app = self._app if self._behind_proxy or hosts.is_local(host) else _misdirected(host)
        try:
            await app(scope, receive, sending)
        finally:
            self._log(scope, status, time.monotonic() - began)

    def _log(self, scope: dict[str, Any] | Any, status: int, seconds: float) -> None:
        """No address, no query, no unknown path: any of them may tell of a person."""
        path = scope["path"] if scope["path"] in self._paths else "(another path)"
        level = logging.DEBUG if path == "/health" else logging.INFO
        _LOGGER.log(level, "%s %s %d %.0f ms", scope["method"], path, status, seconds * 1000)


def _misdirected(host: str) -> ASGIApp:
    expected = f"{hosts.EXPECTED}; with a proxy in front, set OTELGATE_FEEDBACK_TRUST_PROXY"
    return Refusal(421, "Host", host, expected).response()
