"""The ASGI application: routes, errors, and what every answer carries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import answers
from .asking.dashboards import Dashboard
from .asking.stores import Stores
from .pages.dashboards import Dashboards

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


def application(dashboards: Mapping[str, Dashboard], stores: Stores, charts: Path) -> Starlette:
    """The console. `charts`: the folder with echarts.esm.min.mjs."""
    return Starlette(
        routes=[
            Route("/", _home),
            *Dashboards(dashboards, stores).routes(),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
            Mount("/charts", StaticFiles(directory=charts), name="charts"),
        ],
        middleware=[Middleware(_SecurityHeaders)],
        exception_handlers={HTTPException: _error},
    )


async def _home(request: Request) -> Response:
    return RedirectResponse("/dashboards")


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
