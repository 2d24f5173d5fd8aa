"""Limits for connections without a request: a time limit, and a maximum number beyond which the oldest is closed."""

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S: Final = 5.0
"""Time limit for the headers of a request, in seconds since the connection opened or their first byte arrived."""


def protocol(most: int, headers_s: float) -> type[asyncio.Protocol]:
    """uvicorn's HTTP for one server, with a limit on connections that have not sent a whole request's headers."""
    without: dict[_Protocol, None] = {}

    class Bounded(_Protocol):
        _without, _most, _headers_s = without, most, headers_s

    return Bounded


class _Protocol(H11Protocol):
    _without: "dict[_Protocol, None]"  # the oldest first
    _most: int
    _headers_s: float
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._start_timer()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        """Count this connection among those without headers; above the limit, close the oldest."""
        self._without[self] = None
        if len(self._without) > self._most:
            oldest = next(iter(self._without))
            oldest._stop_waiting()
            oldest.transport.abort()

    def _start_timer(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self._headers_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._without.pop(self, None)
        if self._late is not None:
            self._late.cancel()
            self._late = None
