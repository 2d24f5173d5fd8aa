"""The planner takes the indexes that were made for each kind of question, at a size where they matter."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from turn_data import filling
from turn_data.world import SECOND, World

UNTIL = 1_706_745_600  # 2024-02-01T00:00:00Z
DAYS = 6
TO = "'2024-02-01Z'"


@pytest.fixture(scope="module")
def generated(server: Any, template: str) -> Iterator[psycopg.Connection[Any]]:
    """20,000 turns in six days."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE audit_explain OWNER otelgate TEMPLATE {template} STRATEGY file_copy")
    owner = server.get_uri(database="audit_explain").replace("postgres:@", "otelgate@")
    with psycopg.connect(owner) as connection:
        filling.fill(connection, World(20_000, DAYS, UNTIL * SECOND, seed=1), model_calls=False)
        filling.vacuum(connection)
    with psycopg.connect(owner, autocommit=True) as connection:
        yield connection
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("DROP DATABASE audit_explain WITH (FORCE)")


@pytest.mark.parametrize(
    ("question", "query", "index"),
    [
        ("trace id", "SELECT * FROM content.turns WHERE trace_id = %(trace)s", "audit.turns_pkey"),
        (
            "a trace's tool calls",
            "SELECT * FROM content.tool_calls WHERE trace_id = %(trace)s",
            "audit.tool_calls_trace",
        ),
        (
            "a user's turns",
            "SELECT * FROM audit.turns WHERE service = %(service)s AND user_id = %(user)s"
            " ORDER BY started_at DESC LIMIT 50",
            "audit.turns_user",
        ),
        (
            "time range",
            f"SELECT * FROM analytics.recent_turns('2024-01-31Z', {TO})",
            "audit.turns_started",
        ),
        (
            "sums of a time range",
            f"SELECT * FROM analytics.cost_over_time('1 hour', '2024-01-31Z', {TO})",
            "audit.turns_started",
        ),
        (
            "popularity of a tool",
            f"SELECT * FROM analytics.tool_use('{{verify_title_deed}}', '1 hour', '2024-01-31Z', {TO})",
            "audit.tool_calls_tool",
        ),
        (
            "a funnel's events",
            f"SELECT * FROM analytics.occurrences('quota.hit', '2024-01-31Z', {TO})",
            "audit.events_name",
        ),
        (
            "a funnel's first queries",
            f"SELECT * FROM analytics.occurrences('first_turn', '2024-01-31Z', {TO})",
            "audit.turns_user",
        ),
        (
            "top cost",
            f"SELECT * FROM analytics.expensive_turns('2024-01-26Z', {TO})",
            "audit.turns_cost",
        ),
        ("active users", f"SELECT * FROM analytics.active_users('2024-01-26Z', {TO})", "audit.user_days_pkey"),
    ],
)
def test_query_uses_index(generated: psycopg.Connection[Any], question: str, query: str, index: str) -> None:
    row = generated.execute("SELECT trace_id, service, user_id FROM audit.turns ORDER BY trace_id LIMIT 1").fetchone()
    assert row
    used = indexes(generated, query, {"trace": row[0], "service": row[1], "user": row[2]})
    assert index in used, f"{question}: {used}"


def test_sums_of_a_month_read_only_the_index(generated: psycopg.Connection[Any]) -> None:
    for call in ("cost_over_time", "satisfaction", "sessions", "hours", "feature_adoption", "top_users"):
        first = {
            "cost_over_time": "'1 day', ",
            "satisfaction": "'1 day', ",
            "sessions": "'1 day', ",
            "top_users": "'cost', ",
        }
        query = f"SELECT * FROM analytics.{call}({first.get(call, '')}'2024-01-30Z', {TO})"
        nodes = {(node["Node Type"], node.get("Index Name")) for node in plan(generated, query, {})}
        assert ("Index Only Scan", "turns_started") in nodes, call


def test_popularity_of_tools_reads_only_the_days_asked_for(generated: psycopg.Connection[Any]) -> None:
    query = f"SELECT * FROM analytics.tools('2024-01-30T12:00Z', {TO})"
    read = {
        node["Relation Name"] for node in plan(generated, query, {}) if "tool_calls" in node.get("Relation Name", "")
    }
    assert read == {"tool_calls_20240130", "tool_calls_20240131"}


def indexes(connection: psycopg.Connection[Any], query: str, parameters: dict[str, Any]) -> set[str]:
    """The indexes of a plan; for a partition's, that of its table."""
    names = {node["Index Name"] for node in plan(connection, query, parameters) if "Index Name" in node}
    rows = connection.execute(
        "SELECT coalesce(i.inhparent, c.oid)::regclass::text FROM pg_class c"
        " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind IN ('i', 'I') AND c.relname = ANY(%s)",
        [list(names)],
    )
    return {name for (name,) in rows}


def plan(connection: psycopg.Connection[Any], query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a query's plan."""
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}", parameters).fetchone()
    assert row
    found, rest = [], [row[0][0]["Plan"]]
    while rest:
        node = rest.pop()
        found.append(node)
        rest += node.get("Plans", [])
    return found
