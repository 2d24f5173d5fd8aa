"""Dashboards: the list, the page of each, and what its scripts ask for."""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
from otelgate_stack.clients import StoreError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Guard
from ..asking import variables, window
from ..asking.dashboards import Dashboard, Panel, Query
from ..asking.interpolation import Value
from ..asking.stores import Result, Stores, run
from ..asking.window import Window


class Dashboards:
    """All rendered dashboards, and the stores that their panels ask."""

    def __init__(self, dashboards: Mapping[str, Dashboard], stores: Stores) -> None:
        self._dashboards = dashboards
        self._stores = stores

    def routes(self, guard: Guard) -> list[Route]:
        return [
            guard.page("/dashboards", self._list, Role.VIEWER),
            guard.page("/dashboards/{dashboard}", self._page, Role.VIEWER),
            guard.page("/frames/{dashboard}/{panel:int}", self._frames, Role.VIEWER),
            guard.page("/variables/{dashboard}", self._variables, Role.VIEWER),
            guard.page("/annotations/{dashboard}", self._annotations, Role.VIEWER),
        ]

    async def _list(self, request: Request) -> Response:
        shown = sorted(self._dashboards.values(), key=lambda each: (each.folder, each.title))
        return answers.page(request, "dashboards.html", dashboards=shown)

    async def _page(self, request: Request) -> Response:
        dashboard = self._named(request)
        return answers.page(request, "dashboard.html", dashboard=dashboard, menu=self._dashboards.values())

    async def _frames(self, request: Request) -> Response:
        dashboard = self._named(request)
        panel = self._panel(dashboard, request.path_params["panel"])
        values, range_ = _asked(dashboard, request)
        results = await asyncio.gather(*(self._run(query, values, range_) for query in panel.queries))
        return answers.json(
            {
                "from": range_.start * 1000,
                "to": range_.end * 1000,
                "interval": range_.interval * 1000,
                "normallyEmpty": panel.normally_empty,
                "results": [_result(query, result) for query, result in zip(panel.queries, results, strict=True)],
            }
        )

    async def _variables(self, request: Request) -> Response:
        """The choices of each variable, which depend on those of the others, and what is chosen."""
        dashboard = self._named(request)
        values, range_ = _asked(dashboard, request)

        def offered(variable: Any) -> dict[str, Any]:
            try:
                return {"values": variables.offered(variable, values, self._stores, range_), "error": ""}
            except (StoreError, psycopg.Error, ValueError) as failure:
                return {"values": [], "error": str(failure)}

        found = await asyncio.gather(*(run_in_threadpool(offered, each) for each in dashboard.variables))
        return answers.json({each.name: one for each, one in zip(dashboard.variables, found, strict=True)})

    async def _annotations(self, request: Request) -> Response:
        """Events: for each annotation of the dashboard a frame with time, text and tags."""
        dashboard = self._named(request)
        values, range_ = _asked(dashboard, request)
        asked = [query for _, query in dashboard.annotations if self._stores.of(query)]
        results = await asyncio.gather(*(self._run(query, values, range_) for query in asked))
        return answers.json({"results": [_result(query, one) for query, one in zip(asked, results, strict=True)]})

    async def _run(self, query: Query, values: Mapping[str, Value], range_: Window) -> Result:
        return await run_in_threadpool(run, query, values, self._stores, range_)

    def _named(self, request: Request) -> Dashboard:
        name = request.path_params["dashboard"]
        if name not in self._dashboards:
            raise HTTPException(404, f"dashboard {name!r}: expected one of {', '.join(self._dashboards)}")
        return self._dashboards[name]

    def _panel(self, dashboard: Dashboard, number: int) -> Panel:
        for panel in dashboard.panels:
            if panel.id == number:
                return panel
        raise HTTPException(404, f"panel {number}: {dashboard.name} has none with this number")


def _asked(dashboard: Dashboard, request: Request) -> tuple[Mapping[str, Value], Window]:
    """The choices and the range of a link. Raises HTTPException (400)."""
    given = request.query_params
    chosen = {key.removeprefix("var-"): given.getlist(key) for key in given if key.startswith("var-")}
    period = dashboard.json["time"]
    try:
        range_ = window.between(given.get("from", period["from"]), given.get("to", period["to"]))
        return variables.chosen(dashboard, chosen), range_
    except ValueError as failure:
        raise HTTPException(400, str(failure)) from None


def _result(query: Query, result: Result) -> dict[str, Any]:
    return {
        "refId": query.ref_id,
        "error": result.error.partition("\n")[0],
        "refused": result.refused,
        "frames": [frame.to_json() for frame in result.frames],
    }
