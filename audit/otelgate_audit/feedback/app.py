"""`otelgate-audit feedback`: `POST /v1/feedback` for web pages, and the element with two thumbs that posts to it.

An answer of 202 means that the gateway has the vote. Nothing is queued here: if the gateway doesn't accept the vote,
the answer asks the page to retry (503).
"""

from __future__ import annotations

import hashlib
import logging
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import click
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..process.telemetry import brief, log_to_stderr
from ..settings import Settings
from . import body, connections, tokens
from .emit import Emitter
from .rates import Rates, client
from .refusal import Refusal, Unavailable
from .shield import Pages, SecurityHeadersMiddleware
from .votes import Vote, Votes

FEEDBACK: Final = "/v1/feedback"
ELEMENT: Final = "/v1/feedback/element.js"
HEALTH: Final = "/health"
MAX_WAITING: Final = 64
"""Votes that may wait for the gateway; the answer to further votes is to retry."""
RETRY_AFTER_S: Final = 5

_LOGGER: Final = logging.getLogger(__name__)
_ELEMENT: Final = (Path(__file__).parent / "element.js").read_bytes()
_ETAG: Final = f'"{hashlib.sha256(_ELEMENT).hexdigest()[:32]}"'
_GRACE_S: Final = 6


OPTIONS: Final[list[click.Option]] = []


def run(settings: Settings, options: SimpleNamespace) -> int:
    return serve_feedback(settings)


def serve_feedback(settings: Settings) -> int:
    """Accept votes until SIGTERM or SIGINT. 1: the port is in use. Raises SettingsError for an invalid secret."""
    log_to_stderr()
    emitter = Emitter.to_gateway(settings.otlp_endpoint)
    app = application(settings, emitter)
    host, port = settings.feedback_host, settings.feedback_port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError:
        _LOGGER.error("%s:%d: can't listen there; is another process on that port?", host, port)
        return 1
    # uvicorn stops cleanly on these, and then sends them to the process once more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with listening:
        _LOGGER.info("votes on %s:%d%s", host, port, FEEDBACK)
        server(app).run(sockets=[listening])
    emitter.shutdown()
    _LOGGER.info("stopped")
    return 0


def server(app: Starlette) -> uvicorn.Server:
    """uvicorn, without its own logs and headers."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            limit_concurrency=4 * MAX_WAITING,
            http=connections.protocol(2 * MAX_WAITING, connections.HEADERS_S),
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


def application(settings: Settings, emitter: Emitter) -> Starlette:
    """The ASGI application. Raises SettingsError for an invalid secret."""
    handler = _FeedbackHandler(settings, emitter)
    return Starlette(
        routes=[
            Route(FEEDBACK, handler.post, methods=["POST"]),
            Route(ELEMENT, _element, methods=["GET"]),
            Route(HEALTH, handler.health, methods=["GET"]),
        ],
        middleware=[
            Middleware(
                SecurityHeadersMiddleware,
                paths={FEEDBACK: Pages.LISTED, ELEMENT: Pages.ALL, HEALTH: Pages.NONE},
                origins=settings.feedback_origins,
                behind_proxy=settings.feedback_trust_proxy > 0,
            ),
            # The token says who votes: no cookies, so no credentials.
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.feedback_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["Retry-After"],
                max_age=600,
            ),
        ],
        exception_handlers={HTTPException: _http_error},
    )


@dataclass
class _FeedbackHandler:
    """Handles the requests of the feedback endpoint."""

    settings: Settings
    emitter: Emitter

    def __post_init__(self) -> None:
        self._secret = self.settings.feedback_secret
        self._rates = Rates(self.settings.feedback_rate)
        self._votes = Votes(self._secret)
        self._waiting = 0

    async def post(self, request: Request) -> Response:
        try:
            return await self._take(request)
        except (Refusal, Unavailable) as refusal:
            return refusal.response()
        except Exception as error:
            _LOGGER.error("a vote: %s", brief(error))
            return JSONResponse({"error": "something failed inside"}, 500)

    async def health(self, request: Request) -> Response:
        """200 while votes are accepted, with the gateway's answer to the last one."""
        return JSONResponse({"status": "ok", "gateway": self.emitter.gateway})

    async def _take(self, request: Request) -> Response:
        self._rates.count("address", client(request, self.settings.feedback_trust_proxy))
        found = await body.read(request)
        claims = tokens.verify(_bearer(request) or body.token(found), self._secret)
        self._rates.count("token", self._votes.voter(claims).hex())
        sent = body.check(found)
        if sent.trace_id not in (None, claims.trace_id):
            raise Refusal(403, "trace_id", sent.trace_id, "the trace that the token is for")
        vote = self._votes.take(claims, sent.rating, sent.comment, time.time_ns())
        if not vote.delivered:
            await self._deliver(claims, vote)
        return JSONResponse({"thanks": "Thank you for your feedback."}, 202)

    async def _deliver(self, claims: tokens.Claims, vote: Vote) -> None:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many votes are waiting", RETRY_AFTER_S)
        self._waiting += 1
        try:
            taken = await run_in_threadpool(self.emitter.send, claims, vote)
        finally:
            self._waiting -= 1
        if not taken:
            raise Unavailable("the gateway did not take it", RETRY_AFTER_S)
        self._votes.delivered(claims, vote)


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def _element(request: Request) -> Response:
    headers = {
        "Cache-Control": "public, max-age=3600",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": _ETAG,
    }
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if _ETAG in known:
        return Response(status_code=304, headers=headers)
    return Response(_ELEMENT, headers=headers, media_type="text/javascript")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
