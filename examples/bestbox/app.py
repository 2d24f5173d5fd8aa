"""The chat's API and its page.

POST /v1/chat      {"message", "user_id", "session_id"?}: the answer as server-sent events
POST /v1/feedback  {"message_id", "rating", "comment"?}: one thumb for each answer
GET  /             a chat page, with the web element for votes below each answer
"""

import asyncio
import html
import json
import logging
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import otelgate
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, StreamingResponse
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from otelgate.names import GEN_AI_AGENT_NAME
from pydantic import BaseModel, Field

from examples.common.server import add_faults, add_health
from examples.common.traffic import Stage

from .agents import Office, Outcome
from .desk import Desk, Message
from .knowledge import Handbook
from .model import ModelServerDown, report_gpu
from .servers import ModelServer

log = logging.getLogger("bestbox")

RATINGS = ("positive", "negative", "up", "down")
THANKS = "Thank you for your feedback."
_ID = r"^[\w.-]{1,64}$"
_PAGE = Path(__file__).with_name("page.html")


class Question(BaseModel):
    message: str = Field(min_length=1, max_length=4000)
    user_id: str = Field(pattern=_ID)
    session_id: str | None = Field(None, pattern=_ID)


class Vote(BaseModel):
    """`rating` is checked by hand: a wrong one is answered with 400."""

    message_id: str
    rating: Any
    comment: str | None = Field(None, max_length=4000)


def make_app(stage: Stage, server: ModelServer) -> FastAPI:
    chat = Chat(Office(stage, server, Handbook.made(stage)))
    app = FastAPI(title="bestbox")
    _one_span_for_each_request(app)
    add_health(app)
    add_faults(app, stage.faults, stage.speed)
    report_gpu(server, stage.faults)

    @app.post("/v1/chat")
    async def ask(question: Question) -> StreamingResponse:
        return await chat.ask(question)

    @app.post("/v1/feedback")
    async def vote(vote: Vote) -> dict[str, str]:
        return chat.vote(vote)

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return _page()

    return app


class Chat:
    """Turns and votes."""

    def __init__(self, office: Office) -> None:
        self._office, self._desk = office, Desk()
        self._turns: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> StreamingResponse:
        """The turn runs as a separate task: to its end, though the browser may be gone. It is waited for until its
        first word, so that a model that fails is an HTTP error."""
        session_id = question.session_id or uuid.uuid4().hex
        message = self._desk.keep(question.user_id, session_id, otelgate.current_trace_id())
        events: asyncio.Queue[Any] = asyncio.Queue()
        turn = asyncio.create_task(self._turn(question.message, message, events))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        headers = {"X-Trace-Id": message.trace_id or "", "Cache-Control": "no-store"}
        first = await events.get()
        if isinstance(first, Exception):
            status = 503 if isinstance(first, ModelServerDown) else 502
            raise HTTPException(status, "The assistant cannot answer just now; please try again.", headers)
        return StreamingResponse(_stream(message, first, events), media_type="text/event-stream", headers=headers)

    def vote(self, vote: Vote) -> dict[str, str]:
        if not isinstance(vote.rating, str) or vote.rating not in RATINGS:
            raise HTTPException(400, f"rating: expected one of {', '.join(RATINGS)}")
        message, first = self._desk.rate(vote.message_id)
        if message is None:
            raise HTTPException(404, "message_id: no such message")
        if not first:
            raise HTTPException(409, "message_id: there is a vote on this message already")
        with otelgate.session(message.session_id, message.user_id):
            otelgate.feedback(vote.rating, trace_id=message.trace_id, comment=vote.comment)
        return {"thanks": THANKS}

    async def _turn(self, question: str, message: Message, events: asyncio.Queue[Any]) -> None:
        """Puts words, at last what came of it; or the exception."""
        began, outcome = time.monotonic(), Outcome()
        with otelgate.session(message.session_id, message.user_id):
            if self._desk.opens(message.session_id):
                otelgate.event("session.start")
            try:
                async for words in self._office.answer(question, outcome):
                    events.put_nowait(words)
            except Exception as error:
                log.exception("the turn failed", extra={"turn.seconds": time.monotonic() - began})
                events.put_nowait(error)
            else:
                department = {GEN_AI_AGENT_NAME: outcome.department, "turn.seconds": time.monotonic() - began}
                log.info("answered", extra=department)
                # Made here, where session and user are known; the page votes with it at the feedback endpoint.
                token = otelgate.feedback_token(message.trace_id) if message.trace_id else None
                events.put_nowait((outcome, token))


async def _stream(message: Message, first: Any, events: asyncio.Queue[Any]) -> AsyncIterator[str]:
    ids = {"message_id": message.id, "session_id": message.session_id, "trace_id": message.trace_id}
    yield _event("start", ids)
    item = first
    while isinstance(item, str):
        yield _event("token", {"text": item})
        item = await events.get()
    if isinstance(item, Exception):
        yield _event("error", {"error": type(item).__name__})
        return
    outcome, token = item
    yield _event("end", {**vars(outcome), "feedback_token": token})


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _page() -> HTMLResponse:
    """Votes go to the feedback endpoint in FEEDBACK_URL; ADMIN_URL is where turns are looked at. Without the
    one there are no thumbs, without the other no link."""
    feedback, admin = os.environ.get("FEEDBACK_URL", ""), os.environ.get("ADMIN_URL", "")
    nonce = secrets.token_urlsafe(16)
    element = html.escape(f"{feedback}/v1/feedback/element.js")
    parts = {
        "element": f'<script nonce="{nonce}" defer src="{element}"></script>' if feedback else "",
        "admin": f'<a href="{html.escape(admin)}">Admin</a>' if admin else "",
        "nonce": nonce,
    }
    text = _PAGE.read_text()
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part)
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self' {feedback}"
    policy = policy.rstrip()
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})


def _one_span_for_each_request(app: FastAPI) -> None:
    """Not one more for each piece of a streamed answer, as the automatic instrumentation makes them."""
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        FastAPIInstrumentor.uninstrument_app(app)
        app.middleware_stack = None  # which that has made; it is to be made again, instrumented
        FastAPIInstrumentor.instrument_app(app, exclude_spans=["send", "receive"])
