"""Conversations: the search, a turn, a session, two turns side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from otelgate_stack.clients import LogLine, Loki, TraceStore
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Guard, account
from ..access.readings import Recorder
from ..asking import window
from ..data import traces, turns
from ..data.database import Row
from ..data.turns import Search, Turns
from . import analytics
from .parts import part

_Found = TypeVar("_Found")
_AROUND: Final = timedelta(minutes=10)
_NUMBERS: Final = {"cost_from", "seconds_from"}
_CHOICES: Final = {"status": turns.STATUSES, "rating": turns.RATINGS}
_LONGEST: Final = 300
PERIODS: Final = {"1h": "1 hour", **analytics.PERIODS}


class Conversations:
    """Pages of turns and sessions."""

    def __init__(self, turns_: Turns, traces_: TraceStore | None, loki: Loki | None, readings: Recorder) -> None:
        self._turns, self._traces, self._loki, self._readings = turns_, traces_, loki, readings

    def routes(self, guard: Guard) -> list[Route]:
        return [
            guard.page("/turns", self._search, Role.VIEWER),
            guard.page("/turns/{trace_id}", self._turn, Role.VIEWER),
            guard.page("/session", self._session, Role.VIEWER),
            guard.page("/compare", self._compare, Role.VIEWER),
        ]

    async def _search(self, request: Request) -> Response:
        search = asked(request.query_params)
        refused = ""
        if "text" in search.chosen:
            if account(request).role < Role.AUDITOR:
                raise HTTPException(403, "a search in the content of conversations needs the role auditor")
            if not await self._readings.record(account(request), "search", search.chosen["text"]):
                refused = _NOT_RECORDED
        found, services = await asyncio.gather(
            _nothing() if refused else self._turns.search(search), self._turns.services()
        )
        return answers.page(
            request,
            "turns.html",
            search=search,
            given=_Given(request.query_params),
            refused=refused,
            turns=found[: turns.PAGE],
            further=_with(request, page=search.page + 1) if len(found) > turns.PAGE else "",
            earlier=_with(request, page=search.page - 1) if search.page > 1 else "",
            services=services,
            periods=PERIODS,
            statuses=turns.STATUSES,
            ratings=turns.RATINGS,
            orders=turns.ORDERS,
        )

    async def _turn(self, request: Request) -> Response:
        trace_id = request.path_params["trace_id"]
        parts = await self._turns.parts(trace_id)
        if not parts:
            raise HTTPException(404, f"turn {trace_id!r}: the audit store has none with this trace id")
        return answers.page(request, "turn.html", **await self._whole(request, parts))

    async def _compare(self, request: Request) -> Response:
        ids = [request.query_params.get(name, "") for name in ("left", "right")]
        found = await asyncio.gather(*(self._turns.parts(trace_id) for trace_id in ids))
        for trace_id, parts in zip(ids, found, strict=True):
            if not parts:
                raise HTTPException(404, f"turn {trace_id!r}: the audit store has none with this trace id")
        sides = await asyncio.gather(*(self._whole(request, parts) for parts in found))
        return answers.page(request, "compare.html", sides=sides)

    async def _session(self, request: Request) -> Response:
        service, session_id = (request.query_params.get(name, "") for name in ("service", "id"))
        found = await self._turns.session(service, session_id)
        if not found:
            raise HTTPException(404, f"session {session_id!r} of {service!r}: the audit store has no turn of it")
        content, refused = await self._content(request, "session", session_id, lambda: self._turns.questions(found))
        values = {"service": service, "session_id": session_id, "turns": found}
        return answers.page(request, "session.html", **values, content=content or {}, refused=refused)

    async def _whole(self, request: Request, parts: Sequence[Row]) -> dict[str, Any]:
        """All that is known of a turn. Content only for those who may read it, after the reading is recorded."""
        trace_id = parts[0]["trace_id"].partition("@")[0]
        reading = self._content(request, "turn", parts[0]["trace_id"], lambda: self._turns.content(parts))
        steps, votes, (content, refused), bars, lines = await asyncio.gather(
            self._turns.steps(parts),
            self._turns.votes(parts),
            reading,
            part(self._bars(trace_id)),
            part(self._lines(trace_id, parts)),
        )
        events = await self._turns.events(parts)
        return {
            "trace_id": parts[0]["trace_id"],
            "parts": parts,
            "steps": steps,
            "votes": votes,
            "events": events,
            "content": content or {},
            "refused": refused,
            "bars": bars,
            "lines": lines,
        }

    async def _content(
        self, request: Request, kind: str, of: str, read: Callable[[], Awaitable[_Found]]
    ) -> tuple[_Found | None, str]:
        """The content, or the reason why this reader does not get it."""
        reader = account(request)
        if reader.role < Role.AUDITOR:
            return None, "Your role shows numbers only. The role auditor shows the content of conversations."
        if not await self._readings.record(reader, kind, of):
            return None, _NOT_RECORDED
        return await read(), ""

    async def _bars(self, trace_id: str) -> Sequence[traces.Bar]:
        if self._traces is None:
            return ()
        return await run_in_threadpool(traces.bars, self._traces, trace_id)

    async def _lines(self, trace_id: str, parts: Sequence[Row]) -> Sequence[LogLine]:
        if self._loki is None:
            return ()
        start = min(part["started_at"] for part in parts) - _AROUND
        end = max(part["ended_at"] for part in parts) + _AROUND
        span = [round(moment.timestamp() * 1e9) for moment in (start, end)]
        return await run_in_threadpool(traces.lines, self._loki, trace_id, *span)


class _Given(dict[str, str]):
    """The fields of the form as they were filled in; the others are empty."""

    def __missing__(self, name: str) -> str:
        return ""


_NOT_RECORDED: Final = (
    "The content is not shown, because this reading could not be recorded: the gateway did not accept the record."
    " Try again when it is available."
)


def asked(given: Mapping[str, str]) -> Search:
    """The search of a link. Raises HTTPException (400) naming the field, the value and what was expected."""
    end = datetime.now(UTC)
    period = given.get("period") or "24h"
    order = given.get("order") or "newest"
    try:
        start = end - timedelta(seconds=window.duration(period))
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"period: {error}") from None
    if order not in turns.ORDERS:
        raise HTTPException(400, f"order={order!r}: expected one of {', '.join(turns.ORDERS)}")
    page = given.get("page") or "1"
    if not (page.isascii() and page.isdigit() and 1 <= int(page) <= 1000):
        raise HTTPException(400, f"page={page!r}: expected a number from 1 to 1000")
    chosen = {name: _value(name, given[name].strip()) for name in turns.FIELDS if given.get(name, "").strip()}
    return Search(start, end, chosen, order, int(page))


def _value(name: str, text: str) -> str | float:
    if len(text) > _LONGEST or "\0" in text:
        raise HTTPException(400, f"{name}: expected at most {_LONGEST} characters")
    if name in _CHOICES and text not in _CHOICES[name]:
        raise HTTPException(400, f"{name}={text!r}: expected one of {', '.join(_CHOICES[name])}")
    if name not in _NUMBERS:
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise HTTPException(400, f"{name}={text!r}: expected a number from 0")
    return number


def _with(request: Request, **changed: object) -> str:
    """This page's address with other values."""
    values = {**request.query_params, **{name: str(value) for name, value in changed.items()}}
    return f"{request.url.path}?{urlencode(values)}"


async def _nothing() -> list[Row]:
    return []
