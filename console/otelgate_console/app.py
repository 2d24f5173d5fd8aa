"""The ASGI application: routes, errors, and what every answer carries."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import answers
from .access.accounts import Accounts
from .access.guard import Guard
from .access.readings import Recorder
from .access.sessions import Sessions
from .asking.dashboards import Dashboard
from .asking.stores import Stores
from .data.alerts import Alerts
from .data.database import Database
from .data.exports import Exports
from .data.turns import Turns
from .pages.alerts import AlertPages
from .pages.analytics import Analytics
from .pages.dashboards import Dashboards
from .pages.exports import ExportPages
from .pages.home import Home
from .pages.login import Login
from .pages.reports import Reports
from .pages.turns import Conversations

_STATIC: Final = Path(__file__).parent / "static"
# Charts set the position of their tooltip as a style of an element, which style-src-attr allows and style-src does not.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Console:
    """The parts of the console. `charts`: the folder with echarts.esm.min.mjs; `accounts`: the file of accounts.

    `database`: psycopg's connection string, for a role that may read content. `budget_usd`: of 30 days.
    `origins`: how browsers reach it through a proxy. `idle_s`, `whole_s`: how long a login lasts, in seconds.
    """

    dashboards: Mapping[str, Dashboard]
    stores: Stores
    charts: Path
    accounts: Path
    database: str
    readings: Recorder
    alerts: Alerts
    budget_usd: float | None = None
    origins: tuple[str, ...] = ()
    idle_s: float = 12 * 3600
    whole_s: float = 7 * 86400

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by HTTPS only."""
        return bool(self.origins) and all(origin.startswith("https://") for origin in self.origins)


def application(console: Console) -> Starlette:
    """The ASGI application."""
    sessions = Sessions(console.idle_s, console.whole_s)
    guard = Guard(sessions, console.origins)
    login = Login(Accounts(console.accounts), sessions, secure=console.secure)
    database = Database(console.database)
    turns = Turns(database)
    exports = Exports(console.database)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(exports.close)

    return Starlette(
        routes=[
            guard.page("/health", _health, None),
            *login.routes(guard),
            *Home(console.dashboards, database, turns, console.alerts).routes(guard),
            *Conversations(turns, console.stores.tempo, console.stores.loki, console.readings).routes(guard),
            *AlertPages(console.alerts, console.stores).routes(guard),
            *Analytics(database, turns, console.readings).routes(guard),
            *Reports(database, turns, console.alerts, console.budget_usd).routes(guard),
            *ExportPages(exports, turns, console.readings).routes(guard),
            *Dashboards(console.dashboards, console.stores).routes(guard),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
            Mount("/charts", StaticFiles(directory=console.charts), name="charts"),
        ],
        middleware=[Middleware(_SecurityHeaders)],
        lifespan=lifespan,
        exception_handlers={HTTPException: _error},
    )


async def _health(request: Request) -> Response:
    return answers.json({"status": "ok"})


async def _error(request: Request, error: Exception) -> Response:
    """As JSON for scripts, as a page for people."""
    assert isinstance(error, HTTPException)
    if "text/html" in request.headers.get("accept", ""):
        return answers.page(request, "error.html", error.status_code, code=error.status_code, reason=error.detail)
    return answers.json({"error": error.detail}, error.status_code)


class _SecurityHeaders:
    """On every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in _HEADERS.items()),
                ]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
