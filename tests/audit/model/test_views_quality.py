"""Satisfaction, agents, tools, sessions and single turns, on a small world worked out by hand."""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from ..analytics_data import read


@pytest.mark.shows("F9", "K12")
def test_satisfaction_leaves_the_unrated_out(world: psycopg.Connection[Any]) -> None:
    query = "SELECT * FROM analytics.satisfaction('1 day', '2024-03-04Z', '2024-03-05Z', '{quality}')"
    assert read(world, query) == [(datetime(2024, 3, 4, tzinfo=UTC), 4, 1, 2, pytest.approx(1 / 3), 0.75)]


@pytest.mark.shows("F9", "K12")
def test_negatives_are_by_the_newest_vote(world: psycopg.Connection[Any]) -> None:
    query = "SELECT user_id, agent FROM analytics.negatives('2024-03-04Z', '2024-03-05Z', '{quality}')"
    assert read(world, query) == [("u2", "b"), ("u1", "a")]
    query = "SELECT question, reply, comment FROM content.negatives('2024-03-04Z', '2024-03-05Z', '{quality}')"
    assert read(world, query) == [
        ("SAME", "reply to SAME", "it is negative"),
        ("same", "reply to same", "it is negative"),
    ]


def test_repeat_questions(world: psycopg.Connection[Any]) -> None:
    columns = "times, users, positive, negative, satisfaction, cost_usd, length(question_hash)"
    query = f"SELECT {columns} FROM analytics.repeat_questions('2024-03-04Z', '2024-03-05Z', '{{quality}}')"
    assert read(world, query) == [(3, 2, 1, 2, pytest.approx(1 / 3), 0, 32)]


@pytest.mark.shows("K17")
def test_router_accuracy(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.router_accuracy('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [("route", 5, 1, 0.2, 2, 1, 0.5, 0.4)]


@pytest.mark.shows("F9", "K12")
def test_agents(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.agents('2024-03-04Z', '2024-03-05Z', '{quality}')")
    assert rows == [
        ("quality", "a", 2, 0.5, 0, 0.0, 1.5, pytest.approx(1.95), 1, 1, 0.5),
        ("quality", "b", 2, 0.5, 1, 0.5, 3.5, pytest.approx(3.95), 0, 1, 0.0),
    ]
    rows = read(world, "SELECT agent, runs FROM analytics.agents('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [("router", 6), ("crm", 3), ("erp", 2)]


@pytest.mark.shows("F9", "K12")
def test_tools_and_their_flags(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.tools('2024-03-04Z', '2024-03-05Z', '{quality}')")
    assert rows == [
        ("t", 2, 0.5, 1, 2, 1, 0.5, 1550.0, pytest.approx(2855.0), 1, 1, 0.5, True, True, False),
        ("u", 2, 0.5, 1, 2, 0, 1.0, 50.0, 50.0, 0, 1, 0.0, False, False, True),
    ]


def test_use_of_tools_over_time(world: psycopg.Connection[Any]) -> None:
    query = "SELECT * FROM analytics.tool_use('{t}', '1 hour', '2024-03-04Z', '2024-03-05Z', '{quality}')"
    assert read(world, query) == [(datetime(2024, 3, 4, 10, tzinfo=UTC), "t", 2, 1)]


def test_failed_tool_calls(world: psycopg.Connection[Any]) -> None:
    query = (
        "SELECT trace_id, tool, error_type, duration_ms FROM analytics.failed_tool_calls('2024-03-04Z', '2024-03-05Z')"
    )
    assert read(world, query) == [("b" * 32, "t", "Timeout", 3000.0)]


@pytest.mark.shows("F9", "K12")
def test_sessions(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.sessions('1 day', '2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [(datetime(2024, 3, 5, tzinfo=UTC), 3, 6, 2.0)]
    query = "SELECT session_id, agents FROM analytics.multi_agent_sessions(2, '2024-03-05Z', '2024-03-06Z')"
    assert read(world, query) == [("r1", ["crm", "erp", "router"])]
    rows = read(world, "SELECT * FROM analytics.returning_users('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [(2, 1, 0.5)]
    rows = read(world, "SELECT * FROM analytics.peak_sessions('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [(date(2024, 3, 5), 2, datetime(2024, 3, 5, 10, tzinfo=UTC))]


def test_kpis(world: psycopg.Connection[Any]) -> None:
    (row,) = world.execute("SELECT k.* FROM analytics.kpis('2024-03-04Z', '2024-03-05Z', '{quality}') k").fetchall()
    latencies = [2.5, pytest.approx(3.85), pytest.approx(3.97), 2.5]
    assert list(row) == [
        4,
        2,
        2,
        2.0,
        1,
        0.25,
        0.75,
        *latencies,
        0,
        0,
        None,
        0,
        0,
        4,
        0.75,
        1,
        2,
        pytest.approx(1 / 3),
        0.5,
    ]


def test_changes_of_kpis(world: psycopg.Connection[Any]) -> None:
    query = "SELECT * FROM analytics.kpi_changes('2024-03-05Z', '2024-03-06Z', '{quality,route}')"
    rows = {row[0]: row[1:] for row in read(world, query)}
    assert rows["turns"] == (6, 4, 0.5, None, None)
    assert rows["error_ratio"] == (pytest.approx(1 / 6), 0.25, pytest.approx(-1 / 3), "< 0.05", False)
    assert rows["p50_seconds"] == (1.0, 2.5, -0.6, "< 8", True)
    assert rows["satisfaction"] == (None, pytest.approx(1 / 3), None, "> 0.8", None)


def test_usage_adds_up(world: psycopg.Connection[Any]) -> None:
    columns = "agent, turns, errors, positive, negative, latency_seconds, tool_calls, tool_errors"
    query = f"SELECT {columns} FROM analytics.usage('1 hour', '2024-03-04Z', '2024-03-05Z', '{{quality}}')"
    assert read(world, query) == [("a", 2, 0, 1, 1, 3.0, 2, 1), ("b", 2, 1, 0, 1, 7.0, 2, 0)]


def test_recent_turns(world: psycopg.Connection[Any]) -> None:
    chosen = "'2024-03-04Z', '2024-03-05Z', '{quality}'"
    query = f"SELECT user_id, rating FROM analytics.recent_turns({chosen}, top => 2)"
    assert read(world, query) == [("u2", "negative"), ("u2", None)]
    chosen += ", ratings => '{none}', characters => 3"
    query = f"SELECT question, reply, rating FROM content.recent_turns({chosen})"
    assert read(world, query) == [("ano", "rep", None)]


def test_one_turn_with_its_content(world: psycopg.Connection[Any]) -> None:
    columns = "user_id, latency_seconds, question, reply, tool_calls, votes"
    (row,) = read(world, f"SELECT {columns} FROM content.turn(%s)", "b" * 32)
    *plain, tools, votes = row
    assert plain == ["u1", 2.0, "same", "reply to same"]
    assert [(tool["tool"], tool["error_type"], tool["arguments"], tool["result"]) for tool in tools] == [
        ("t", "Timeout", "{}", "done")
    ]
    assert [(vote["rating"], vote["comment"]) for vote in votes] == [("negative", "it is negative")]
    assert read(world, "SELECT * FROM content.turn(%s)", "f" * 32) == []
