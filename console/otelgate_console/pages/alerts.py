"""Alerts: those that fire, silences, history; and the page of each with its runbook and its graph."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

from otelgate_stack.clients import StoreError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Guard, account, form
from ..asking import window
from ..asking.dashboards import Query
from ..asking.stores import PROMETHEUS, Stores, run
from ..data.alerts import NAME, Alerts, Rule

_HOURS: Final = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week"}
_LONGEST: Final = 500
_Read = TypeVar("_Read")


class AlertPages:
    """Pages of alerts; `stores` for the graphs."""

    def __init__(self, alerts: Alerts, stores: Stores) -> None:
        self._alerts, self._stores = alerts, stores

    def routes(self, guard: Guard) -> list[Route]:
        return [
            guard.page("/alerts", self._list, Role.VIEWER),
            guard.page("/alerts/{name}", self._alert, Role.VIEWER),
            guard.page("/alerts/{name}/frames", self._frames, Role.VIEWER),
            guard.page("/alerts/{name}/silence", self._silence, Role.ADMIN, post=True),
            guard.page("/silences/{silence}/end", self._end, Role.ADMIN, post=True),
        ]

    async def _list(self, request: Request) -> Response:
        range_ = window.between("now-7d", "now")
        now, silences, history, rules = await _read(
            asyncio.gather(
                run_in_threadpool(self._alerts.now),
                run_in_threadpool(self._alerts.silences),
                run_in_threadpool(self._alerts.history, range_),
                run_in_threadpool(self._alerts.rules),
            )
        )
        values = {"silences": silences, "history": history[:100], "rules": rules}
        return answers.page(request, "alerts.html", alerts=now, **values)

    async def _alert(self, request: Request) -> Response:
        rule = await self._named(request)
        range_ = window.between("now-30d", "now")
        history, now = await _read(
            asyncio.gather(
                run_in_threadpool(self._alerts.history, range_, rule.name), run_in_threadpool(self._alerts.now)
            )
        )
        return answers.page(
            request,
            "alert.html",
            rule=rule,
            panel=_panel(rule),
            runbook=self._alerts.runbook(rule.name),
            history=history[:100],
            alerts=[alert for alert in now if alert.name == rule.name],
            hours=_HOURS,
        )

    async def _frames(self, request: Request) -> Response:
        """The expression of the rule over a range, without its threshold, so that the graph shows calm times too."""
        rule = await self._named(request)
        try:
            range_ = window.between(request.query_params.get("from", "now-24h"), request.query_params.get("to", "now"))
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        query = Query(PROMETHEUS, watched(rule.expr)[0], {"legendFormat": "__auto"})
        result = await run_in_threadpool(run, query, {}, self._stores, range_)
        return answers.json(
            {
                "from": range_.start * 1000,
                "to": range_.end * 1000,
                "interval": range_.interval * 1000,
                "normallyEmpty": "the expression has values only while something is wrong",
                "results": [
                    {
                        "refId": query.ref_id,
                        "error": result.error.partition("\n")[0],
                        "refused": "",
                        "frames": [frame.to_json() for frame in result.frames],
                    }
                ],
            }
        )

    async def _silence(self, request: Request) -> Response:
        rule, given = await self._named(request), form(request)
        comment, hours = given.get("comment", "").strip(), given.get("hours", "")
        if hours not in _HOURS:
            raise HTTPException(400, f"hours={hours!r}: expected one of {', '.join(_HOURS)}")
        if not 0 < len(comment) <= _LONGEST:
            raise HTTPException(400, f"comment: expected the reason, in at most {_LONGEST} characters")
        author = account(request).name
        await _read(run_in_threadpool(self._alerts.silence, rule.name, {}, float(hours), author, comment))
        return RedirectResponse(f"/alerts/{rule.name}", 303)

    async def _end(self, request: Request) -> Response:
        silence = request.path_params["silence"]
        if not re.fullmatch(r"[0-9a-f-]{36}", silence):
            raise HTTPException(404, f"silence {silence!r}: expected its id")
        await _read(run_in_threadpool(self._alerts.end_silence, silence))
        return RedirectResponse("/alerts", 303)

    async def _named(self, request: Request) -> Rule:
        name = request.path_params["name"]
        rule = await _read(run_in_threadpool(self._alerts.rule, name)) if NAME.fullmatch(name) else None
        if rule is None:
            raise HTTPException(404, f"alert {name!r}: Prometheus has no rule of this name")
        return rule


def watched(expr: str) -> tuple[str, float | None]:
    """An expression without the comparison at its end, and its limit: `rate(x[5m]) > 0.1` watches `rate(x[5m])`."""
    found = re.fullmatch(r"(.*\S)\s*(?:[<>]=?|[=!]=)\s*(-?[\d.]+(?:e-?\d+)?)", expr.strip(), re.DOTALL)
    if not found or found[1].count("(") != found[1].count(")"):
        return expr, None
    return found[1], float(found[2])


def _panel(rule: Rule) -> Mapping[str, Any]:
    """A graph of what the rule watches, with its limit as a line; as Grafana's JSON."""
    limit = watched(rule.expr)[1]
    steps: list[Mapping[str, Any]] = [{"value": None, "color": "green"}]
    steps += [] if limit is None else [{"value": limit, "color": "red"}]
    return {
        "id": 1,
        "type": "timeseries",
        "title": rule.name,
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 9},
        "targets": [{"refId": "A"}],
        "fieldConfig": {
            "defaults": {
                "unit": "short",
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "dashed"}},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "table", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"]}},
    }


async def _read(wanted: Awaitable[_Read]) -> _Read:
    """Raises HTTPException (502) for a store that is unavailable."""
    try:
        return await wanted
    except StoreError as error:
        raise HTTPException(502, f"the store did not answer: {error}") from None
