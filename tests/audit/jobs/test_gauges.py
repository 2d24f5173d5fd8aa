"""The gauges that only the database can tell, by a fixed clock; and that they read no more than their window."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import settings
from otelgate_audit.jobs import gauges
from otelgate_audit.model import database as audit_database
from otelgate_audit.process.telemetry import Meters

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
SETTINGS = settings.load({"OTELGATE_QUERY_LIMIT": "3"})


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with audit_database.connect(database, name="test") as opened:
        yield opened


def add_sessions(connection: psycopg.Connection, service: str, ages_s: list[int]) -> None:
    for number, age_s in enumerate(ages_s):
        seen = NOW - timedelta(seconds=age_s)
        connection.execute(
            "INSERT INTO audit.sessions (service, session_id, first_seen, last_seen) VALUES (%s, %s, %s, %s)",
            [service, f"s{number}", seen, seen],
        )


def add_users(connection: psycopg.Connection, service: str, ages: list[timedelta]) -> None:
    for number, age in enumerate(ages):
        connection.execute(
            "INSERT INTO audit.users (service, user_id, first_seen, last_seen) VALUES (%s, %s, %s, %s)",
            [service, f"u{number}", NOW - age, NOW - age],
        )


def add_turns(connection: psycopg.Connection, service: str, user: str | None, age: timedelta, costs: list[str]) -> None:
    if user:
        long_ago = NOW - timedelta(days=300)
        connection.execute(
            "INSERT INTO audit.users (service, user_id, first_seen, last_seen) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [service, user, long_ago, long_ago],
        )
    for number, cost in enumerate(costs):
        connection.execute(
            "INSERT INTO audit.turns (trace_id, started_at, ended_at, arrived_at, updated_at, service, user_id,"
            " cost_usd, state) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '{}')",
            [f"{service}-{user}-{age}-{number}", *[NOW - age] * 4, service, user, cost],
        )


def levels(connection: psycopg.Connection, name: str) -> dict[tuple[str, ...], float]:
    return {tuple(labels.values()): value for labels, value in gauges.read(connection, SETTINGS, NOW_US)[name]}


@pytest.mark.shows("K14")
def test_sessions_of_the_last_five_minutes(connection: psycopg.Connection) -> None:
    add_sessions(connection, "shop", [0, 1, 30, 60, 100, 200, 250, 299, 120, 300, 301, 86_400])
    assert levels(connection, "otelgate.session.active") == {("shop",): 9}


@pytest.mark.shows("K14")
def test_users_by_window(connection: psycopg.Connection) -> None:
    hours = (0, 2, 23, 25, 6 * 24, 8 * 24, 29 * 24, 31 * 24)
    add_users(connection, "shop", [timedelta(hours=each) for each in hours])
    assert levels(connection, "otelgate.user.active") == {
        ("shop", "5m"): 1,
        ("shop", "1d"): 3,
        ("shop", "7d"): 5,
        ("shop", "30d"): 7,
    }


@pytest.mark.shows("K14")
def test_users_over_the_limit(connection: psycopg.Connection) -> None:
    """The limit is three: four within the hour are over it, three are not, nor are older or userless ones."""
    minute = timedelta(minutes=1)
    add_turns(connection, "shop", "over", minute, ["0"] * 4)
    add_turns(connection, "shop", "over too", 30 * minute, ["0"] * 2)
    add_turns(connection, "shop", "over too", 59 * minute, ["0"] * 2)
    add_turns(connection, "shop", "at it", minute, ["0"] * 3)
    add_turns(connection, "shop", "before", 60 * minute, ["0"] * 4)
    add_turns(connection, "shop", None, minute, ["0"] * 9)
    add_turns(connection, "bank", "over", minute, ["0"] * 2)
    assert levels(connection, "otelgate.user.over_limit") == {("bank",): 0, ("shop",): 2}


@pytest.mark.shows("K14")
def test_gauge_of_highest_spend_counts_since_midnight_utc(connection: psycopg.Connection) -> None:
    hour = timedelta(hours=1)
    add_turns(connection, "shop", "a", hour, ["0.25", "0.5"])
    add_turns(connection, "shop", "a", timedelta(hours=9, minutes=30), ["0.125"])  # midnight itself
    add_turns(connection, "shop", "b", hour, ["0.5"])
    add_turns(connection, "shop", "yesterday", 10 * hour, ["100"])
    add_turns(connection, "shop", None, hour, ["200"])
    assert levels(connection, "otelgate.user.cost.max") == {("shop",): 0.875}


def test_quiet_known_service_has_zeros(connection: psycopg.Connection) -> None:
    long_ago = timedelta(days=60)
    add_turns(connection, "archive", "u", long_ago, ["1"])
    add_users(connection, "events only", [long_ago])
    add_sessions(connection, "sessions only", [60 * 86_400])
    services = ["archive", "events only", "sessions only"]
    read = gauges.read(connection, SETTINGS, NOW_US)
    for name in ("otelgate.session.active", "otelgate.user.over_limit", "otelgate.user.cost.max"):
        assert read[name] == [({"service.name": each}, 0) for each in services]
    assert {labels["service.name"]: value for labels, value in read["otelgate.user.active"]} == dict.fromkeys(
        services, 0
    )


def test_empty_store_has_no_series(connection: psycopg.Connection) -> None:
    assert set(map(len, gauges.read(connection, SETTINGS, NOW_US).values())) == {0}


def test_reconciliation_is_the_sum_over_the_last_hour(connection: psycopg.Connection) -> None:
    for minutes, missing in ((0, 1), (59, 2), (60, 100)):
        start = NOW - timedelta(minutes=minutes + 5)
        connection.execute(
            "INSERT INTO audit.reconciliation"
            " VALUES ('shop', %(from)s, %(to)s, 9, 7, 1, %(missing)s, 4, %(now)s, 'runs'),"
            " ('shop', %(from)s, %(to)s, 9, 7, 0.5, %(missing)s * 0.25, 0, %(now)s, 'cost')",
            {"from": start, "to": start + timedelta(minutes=5), "missing": missing, "now": NOW},
        )
    for part, runs, cost in (("missing", 3, 0.75), ("surplus", 8, 0), ("rejected", 2, 1)):
        found = levels(connection, f"otelgate.audit.reconciliation.{part}")
        assert found == {("shop", "runs"): runs, ("shop", "cost"): cost}


def test_they_leave_as_metrics(connection: psycopg.Connection) -> None:
    reader = InMemoryMetricReader()
    meters = Meters(MeterProvider([reader]))
    add_sessions(connection, "shop", [1])
    gauges.publish(connection, SETTINGS, meters, NOW_US)
    assert points(reader)["otelgate.session.active"] == [({"service.name": "shop"}, 1)]
    assert ({"service.name": "shop", "otelgate.window": "30d"}, 0) in points(reader)["otelgate.user.active"]
    meters.clear()
    assert points(reader) == {}


def points(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, str], float]]]:
    data = reader.get_metrics_data()
    metrics = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
    return {
        each.name: [(dict(point.attributes), point.value) for point in each.data.data_points]
        for each in metrics
        if each.data.data_points
    }


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    """90 days, a turn every few minutes; 20,000 rows tell the planner enough."""
    for table, key, days in (("users", "user_id", 400), ("sessions", "session_id", 90)):
        connection.execute(
            psycopg.sql.SQL(
                "INSERT INTO audit.{} (service, {}, first_seen, last_seen) SELECT 'service-' || i %% 5, 'id-' || i,"
                " at, at FROM generate_series(1, 20000) i, LATERAL (SELECT %s - i * %s / 20000 AS at) moment"
            ).format(psycopg.sql.Identifier(table), psycopg.sql.Identifier(key)),
            [NOW, timedelta(days=days)],
        )
    connection.execute(
        "INSERT INTO audit.turns (trace_id, started_at, ended_at, arrived_at, updated_at, service, user_id,"
        " cost_usd, state) SELECT md5(i::text), at, at, at, at, 'service-' || i %% 5, 'id-' || i, 0.01, '{}'"
        " FROM generate_series(1, 20000) i, LATERAL (SELECT %s - i * interval '6.48 minutes' AS at) moment",
        [NOW],
    )
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE audit.turns, audit.users, audit.sessions")
    return connection


def scans(connection: psycopg.Connection, statement: object, **values: object) -> set[str]:
    """The indexes and tables that a plan reads: an index by its name, a table read in full as `Seq Scan: name`."""
    if isinstance(statement, str):
        statement = psycopg.sql.SQL(statement)
    explain = psycopg.sql.SQL("EXPLAIN (FORMAT JSON) {}").format(statement)
    row = connection.execute(explain, values).fetchone()
    assert row
    found = set()
    waiting = [row[0][0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if "Index Name" in node:
            found.add(node["Index Name"])
        elif node["Node Type"] == "Seq Scan":
            found.add(f"Seq Scan: {node['Relation Name']}")
    return found


def test_each_query_reads_its_window_by_an_index(filled: psycopg.Connection) -> None:
    hour = {"since": NOW - timedelta(hours=1)}
    assert scans(filled, gauges.SESSIONS, since=NOW - timedelta(minutes=5)) == {"sessions_last_seen"}
    for window in gauges.WINDOWS.values():
        assert scans(filled, gauges.USERS, since=NOW - window) == {"users_last_seen"}
    assert scans(filled, gauges.OVER_LIMIT, limit=50, **hour) == {"turns_started"}
    assert scans(filled, gauges.COST, since=NOW.replace(hour=0, minute=0)) == {"turns_started"}


def test_gauges_find_services_by_index_probes(filled: psycopg.Connection) -> None:
    for table in gauges.TABLES:
        found = scans(filled, gauges.services_of(table))
        assert found
        assert found <= {f"{table}_pkey", f"{table}_session", f"{table}_user"}
    assert gauges.known(filled) == [f"service-{number}" for number in range(5)]
