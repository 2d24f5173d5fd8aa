"""A FastAPI application, served from this process on a free port until the block ends."""

import asyncio
import itertools
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .faults import Faults

START_S = 20.0
_NAMES = ("localhost", "127.0.0.1", "host.docker.internal")
"""The names by which this machine's programs and containers ask it."""


def add_health(app: FastAPI, checks: Mapping[str, Callable[[], Any]] | None = None) -> None:
    """`/health`: 200 while every check returns, else 503; the body names each check and what is wrong with it."""

    @app.get("/health")
    def health() -> JSONResponse:
        found = {name: _problem(check) for name, check in (checks or {}).items()}
        healthy = not any(found.values())
        body = {"status": "ok" if healthy else "failing", "checks": {name: why or "ok" for name, why in found.items()}}
        return JSONResponse(body, status_code=200 if healthy else 503)


def add_faults(app: FastAPI, faults: Faults, speed: float = 1.0) -> None:
    """The effect of the switches http_errors, slow_http and down on each request."""

    @app.middleware("http")
    async def disturb(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if faults("down"):
            return JSONResponse({"status": "down"}, status_code=503)
        if request.url.path != "/health":
            if faults("slow_http"):
                await asyncio.sleep(2.5 / speed)
            if faults("http_errors") and next(numbers) % 5 == 0:
                return JSONResponse({"error": "internal"}, status_code=500)
        return await call_next(request)

    numbers = itertools.count()


def host() -> str:
    """The address that the application listens on: EXAMPLE_HOST, else 127.0.0.1."""
    return os.environ.get("EXAMPLE_HOST") or "127.0.0.1"


class OwnPages:
    """ASGI middleware: refuses requests of other origins' pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and _is_foreign(Headers(scope=scope)):
            refusal = JSONResponse({"error": "requests of other origins' pages are refused"}, 403)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_foreign(headers: Headers) -> bool:
    """Whether a page of another origin sent it; a link that was followed did not."""
    if origin := headers.get("Origin"):
        return urlsplit(origin).netloc != headers.get("Host")
    followed = headers.get("Sec-Fetch-Dest") == "document"
    return not followed and headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


@contextmanager
def serve(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Yields the URL, `http://host:port`. Port 0: a free one. Raises OSError where the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host(), port))
    # A page could point a name of its own at this address, and so be of the same origin.
    guarded = TrustedHostMiddleware(OwnPages(app), [host(), *_NAMES], www_redirect=False)
    config = uvicorn.Config(guarded, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError(f"the application did not start within {START_S:.0f} s")
        time.sleep(0.01)
    try:
        yield f"http://{host()}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _problem(check: Callable[[], Any]) -> str | None:
    try:
        check()
    except Exception as error:
        return type(error).__name__
    return None
