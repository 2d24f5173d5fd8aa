"""Gathers a report from the audit store and Prometheus."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otelgate_stack.clients import StoreError
from starlette.concurrency import run_in_threadpool

from ..asking.window import Window
from ..data.alerts import Alerts, Firing
from ..data.analytics import Table, read
from ..data.database import Database, Row
from . import checks
from .period import Period


@dataclass(frozen=True)
class Report:
    """All numbers of a report. `rows`: by the name of a table below; `problem`: why alerts are missing."""

    period: Period
    services: Sequence[str]
    kpis: Mapping[str, Any]
    triage: Sequence[checks.Check]
    rows: Mapping[str, Sequence[Row]]
    alerts: Sequence[Firing]
    budget_usd: float | None = None
    problem: str = ""

    @property
    def of_budget(self) -> float | None:
        """The cost as a share of the period's part of the monthly budget."""
        if not self.budget_usd:
            return None
        return float(self.kpis["cost_usd"]) / (self.budget_usd * self.period.days / 30)

    def sum(self, table: str, column: str) -> float:
        """The sum of a column."""
        return float(sum(row[column] or 0 for row in self.rows[table]))


_TABLES: Final = {
    "changes": Table("Numbers", "kpi_changes", "Beside the period before."),
    "signups": Table("Signups", "signups", "By day."),
    "cost": Table("Cost by day", "cost_over_time", ""),
    "models": Table("Cost by model", "cost_by_model", ""),
    "by_agent": Table("Cost by agent", "cost_by", "", {"dimension": "agent"}),
    "expensive": Table("Most expensive turns", "expensive_turns", "", {"top": 5}),
    "agents": Table("Agents", "agents", ""),
    "tools": Table("Tools", "tools", ""),
}
_SLOWEST: Final = """
SELECT trace_id, started_at, service, agent, latency_us / 1e6 AS seconds, cost_usd FROM audit.turns
WHERE started_at >= %(start)s AND started_at < %(end)s AND analytics.chosen(service, %(services)s)
ORDER BY latency_us DESC NULLS LAST, trace_id LIMIT 5"""
_ERRORS: Final = """
SELECT error_type, count(*) AS turns, count(DISTINCT user_id) AS users FROM audit.turns
WHERE started_at >= %(start)s AND started_at < %(end)s AND status = 'error'
    AND analytics.chosen(service, %(services)s)
GROUP BY error_type ORDER BY turns DESC, error_type LIMIT 10"""
_CHANGES: Final = """
SELECT start_time AS time, name, service, attributes ->> 'version' AS version, attributes ->> 'text' AS text
FROM audit.events WHERE start_time >= %(start)s AND start_time < %(end)s
    AND name IN ('deployment', 'launch', 'campaign', 'change', 'outage')
    AND (analytics.chosen(service, %(services)s) OR service = 'otelgate')
ORDER BY start_time LIMIT 100"""
_STATEMENTS: Final = {"slowest": _SLOWEST, "errors": _ERRORS, "events": _CHANGES}


async def gather(
    database: Database,
    alerts: Alerts | None,
    period: Period,
    services: Sequence[str] = (),
    budget_usd: float | None = None,
) -> Report:
    """The report of a period. `budget_usd`: of 30 days. Raises psycopg.Error; without Prometheus it has no alerts."""
    values = {"start": period.start, "end": period.end, "services": list(services) or None}
    tables, statements = await asyncio.gather(
        asyncio.gather(*(read(database, table, period.start, period.end, services) for table in _TABLES.values())),
        asyncio.gather(*(database.rows(statement, values) for statement in _STATEMENTS.values())),
    )
    rows: dict[str, Sequence[Row]] = {name: found.rows for name, found in zip(_TABLES, tables, strict=True)}
    rows |= dict(zip(_STATEMENTS, statements, strict=True))
    rows["slow_agents"] = sorted(rows["agents"], key=lambda row: -(row["p95_seconds"] or 0))[:5]
    failing = [row for row in rows["tools"] if row["errors"]]
    rows["failing_tools"] = sorted(failing, key=lambda row: (-row["errors"], row["tool"]))[:10]
    kpis = {row["kpi"]: row["value"] for row in rows["changes"]}
    fired, problem = await _fired(alerts, period)
    return Report(period, services, kpis, checks.triage(kpis), rows, fired, budget_usd, problem)


async def _fired(alerts: Alerts | None, period: Period) -> tuple[Sequence[Firing], str]:
    if alerts is None:
        return (), ""
    window = Window(period.start.timestamp(), period.end.timestamp())
    try:
        return await run_in_threadpool(alerts.history, window), ""
    except StoreError as error:
        return (), f"Prometheus did not answer: {error}"
