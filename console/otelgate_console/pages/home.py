"""The first page: numbers, alerts, deployments, turns that stand out, and what to look at next."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Guard
from ..asking.dashboards import Dashboard
from ..data.alerts import Alert, Alerts
from ..data.database import Database, Row
from ..data.turns import Search, Turns
from .parts import part

OVERVIEW: Final = "mission-control"
_SHOWN: Final = 5
_DEPLOYMENTS: Final = """
SELECT start_time, name, service, attributes ->> 'version' AS version, attributes ->> 'text' AS text FROM audit.events
WHERE name IN ('deployment', 'launch', 'campaign', 'change', 'outage') AND start_time > now() - interval '30 days'
ORDER BY start_time DESC LIMIT 5"""
_UNPRICED: Final = """
SELECT coalesce(response_model, request_model, '(none)') AS model, count(*) AS calls FROM audit.model_calls
WHERE start_time > now() - interval '1 day' AND cost_status LIKE 'unpriced%%'
GROUP BY 1 ORDER BY 2 DESC LIMIT 5"""


@dataclass(frozen=True)
class Suggestion:
    """Something to look at next."""

    text: str
    address: str


class Home:
    """The first page. A store that is unavailable leaves its part empty, with the reason."""

    def __init__(self, dashboards: Mapping[str, Dashboard], database: Database, turns: Turns, alerts: Alerts) -> None:
        self._dashboards, self._database, self._turns, self._alerts = dashboards, database, turns, alerts

    def routes(self, guard: Guard) -> list[Route]:
        return [guard.page("/", self._page, Role.VIEWER)]

    async def _page(self, request: Request) -> Response:
        now = datetime.now(UTC)
        day = now - timedelta(days=1)
        firing, expensive, slowest, deployments, unpriced = await asyncio.gather(
            part(run_in_threadpool(self._alerts.now)),
            part(self._turns.search(Search(day, now, order="most expensive"))),
            part(self._turns.search(Search(day, now, order="slowest"))),
            part(self._database.rows(_DEPLOYMENTS)),
            part(self._database.rows(_UNPRICED)),
        )
        return answers.page(
            request,
            "home.html",
            panels=self._panels(),
            overview=OVERVIEW,
            alerts=firing.found,
            problems=[each.problem for each in (firing, expensive) if each.problem],
            expensive=expensive.found[:_SHOWN],
            slowest=slowest.found[:_SHOWN],
            deployments=deployments.found,
            suggestions=suggestions(firing.found, unpriced.found, slowest.found),
        )

    def _panels(self) -> list[Mapping[str, Any]]:
        """The numbers of the first row of the overview."""
        dashboard = self._dashboards.get(OVERVIEW)
        return [panel.json for panel in dashboard.panels if panel.kind == "stat"][:6] if dashboard else []


def suggestions(firing: Sequence[Alert], unpriced: Sequence[Row], slowest: Sequence[Row]) -> list[Suggestion]:
    """Links to look at next, the most urgent first."""
    found = [
        Suggestion(f"{alert.name}: {alert.annotations.get('summary', '')}", f"/alerts/{alert.name}")
        for alert in firing
        if alert.state == "active"
    ][:_SHOWN]
    found += [
        Suggestion(f"{row['calls']} calls of {row['model']} have no price", f"/turns?period=24h&model={row['model']}")
        for row in unpriced
    ]
    failed = [row for row in slowest if row["tool_errors"]]
    found += [Suggestion("A slow turn had failed tool calls", f"/turns/{row['trace_id']}") for row in failed[:1]]
    return found
