"""Connections without a request take no visitor's place: they have a time to begin one, and the oldest give way."""

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S: Final = 5.0
"""By when the headers of a request have to be there, in seconds since the connection or their first byte."""


def protocol(most: int, headers_s: float) -> type[asyncio.Protocol]:
    """uvicorn's HTTP for one server, on which at most so many connections are without a whole request's headers."""
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
        self._wait()
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._begin()
        else:
            self._go()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._go()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Without headers from here on."""
        self._without[self] = None
        if len(self._without) > self._most:
            oldest = next(iter(self._without))
            oldest._go()
            oldest.transport.abort()

    def _begin(self) -> None:
        """With a time for them."""
        if self._late is None:
            self._late = self.loop.call_later(self._headers_s, self.transport.abort)

    def _go(self) -> None:
        """With headers, or away."""
        self._without.pop(self, None)
        if self._late is not None:
            self._late.cancel()
            self._late = None
