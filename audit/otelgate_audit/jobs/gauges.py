"""Gauges from the database: active sessions and users, the number of users over the limit, the highest spend.

They are numbers by service, never ids. A known service without activity has zeros. Each query reads only its
window by an index, so that a million turns cost nothing. Two keepers on one database don't both publish:
schedule.py gives the job to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from otelgate.names import (
    METRIC_SESSION_ACTIVE,
    METRIC_USER_ACTIVE,
    METRIC_USER_COST_MAX,
    METRIC_USER_OVER_LIMIT,
    OTELGATE_WINDOW,
)
from psycopg import sql

from ..model import clock
from ..process.telemetry import Meters
from ..settings import Settings

SERVICE: Final = "service.name"
WINDOW: Final = OTELGATE_WINDOW
QUANTITY: Final = "otelgate.audit.quantity"
WINDOWS: Final = {
    "5m": timedelta(minutes=5),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_RECONCILED: Final = timedelta(hours=1)

SESSIONS: Final = "SELECT service, count(*) FROM audit.sessions WHERE last_seen > %(since)s GROUP BY service"
USERS: Final = "SELECT service, count(*) FROM audit.users WHERE last_seen > %(since)s GROUP BY service"
OVER_LIMIT: Final = """
SELECT service, count(*)
FROM (
    SELECT service FROM audit.turns
    WHERE started_at > %(since)s AND user_id IS NOT NULL
    GROUP BY service, user_id HAVING count(*) > %(limit)s
) users
GROUP BY service"""
COST: Final = """
SELECT service, max(spent)
FROM (
    SELECT service, sum(cost_usd) AS spent FROM audit.turns
    WHERE started_at >= %(since)s AND user_id IS NOT NULL
    GROUP BY service, user_id
) users
GROUP BY service"""
RECONCILIATION: Final = """
SELECT service, quantity, sum(missing), sum(surplus), sum(rejected) FROM audit.reconciliation
WHERE to_time > %(since)s GROUP BY service, quantity"""

# One probe of the index for each service, where DISTINCT would read every row.
_SERVICES: Final = """
WITH RECURSIVE known(service) AS (
    (SELECT service FROM {table} ORDER BY service LIMIT 1)
    UNION ALL
    SELECT (SELECT service FROM {table} WHERE service > known.service ORDER BY service LIMIT 1)
    FROM known WHERE known.service IS NOT NULL
)
SELECT service FROM known WHERE service IS NOT NULL"""
TABLES: Final = ("turns", "sessions", "users")

Level = tuple[Mapping[str, str], float]


def publish(connection: psycopg.Connection[Any], settings: Settings, meters: Meters, now_us: int) -> None:
    """Read every gauge and set its metric. `now_us` is the end of all windows."""
    for name, values in read(connection, settings, now_us).items():
        meters.levels(name, values)


def read(connection: psycopg.Connection[Any], settings: Settings, now_us: int) -> dict[str, list[Level]]:
    """The gauges at a moment, by name; each value with its labels.

    Windows have no upper end, so that a client's clock that is ahead hides no user. The reconciliation is the sum over
    the windows that ended within the last hour; a service has it once it was compared.
    """
    now = clock.from_us(now_us)
    services = known(connection)

    def each(statement: str, labels: Mapping[str, str], **values: object) -> list[Level]:
        found = dict(connection.execute(statement, values).fetchall())
        return [({SERVICE: service, **labels}, float(found.get(service, 0))) for service in services]

    users = [each(USERS, {WINDOW: name}, since=now - length) for name, length in WINDOWS.items()]
    hour = now - timedelta(hours=1)
    return {
        METRIC_SESSION_ACTIVE: each(SESSIONS, {}, since=now - WINDOWS["5m"]),
        METRIC_USER_ACTIVE: [level for window in users for level in window],
        METRIC_USER_OVER_LIMIT: each(OVER_LIMIT, {}, since=hour, limit=settings.query_limit),
        METRIC_USER_COST_MAX: each(COST, {}, since=_midnight(now)),
        **_reconciliation(connection, now - _RECONCILED),
    }


def known(connection: psycopg.Connection[Any]) -> list[str]:
    """Every service of the store."""
    found: set[str] = set()
    for table in TABLES:
        found.update(service for (service,) in connection.execute(services_of(table)).fetchall())
    return sorted(found)


def services_of(table: str) -> sql.Composed:
    """The query for the services of one of `TABLES`."""
    return sql.SQL(_SERVICES).format(table=sql.Identifier("audit", table))


def _reconciliation(connection: psycopg.Connection[Any], since: datetime) -> dict[str, list[Level]]:
    rows = connection.execute(RECONCILIATION, {"since": since}).fetchall()
    return {
        f"otelgate.audit.reconciliation.{part}": [
            ({SERVICE: service, QUANTITY: quantity}, float(sums[column])) for service, quantity, *sums in rows
        ]
        for column, part in enumerate(("missing", "surplus", "rejected"))
    }


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
