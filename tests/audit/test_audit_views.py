"""Every analytics view and function, on a small world whose numbers were worked out by hand."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from audit_analytics_data import DAY, at, load, talk
from otelgate_audit import database as audit_database
from otelgate_audit import generate, views
from psycopg import sql

Rows = list[tuple[Any, ...]]
FIRST_WEEKS = "from_time => '2024-01-01Z', to_time => '2024-01-22Z', services => '{bot}'"


@pytest.fixture(scope="module")
def world(server: Any, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with the small world, read as the reader of contents."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE audit_views OWNER otelgate TEMPLATE {template} STRATEGY file_copy")
    with psycopg.connect(server.get_uri(database="audit_views").replace("postgres:@", "otelgate@")) as connection:
        load(connection)
    with psycopg.connect(server.get_uri(database="audit_views"), autocommit=True) as connection:
        connection.execute("SET ROLE otelgate_content")
        yield connection
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("DROP DATABASE audit_views WITH (FORCE)")


def read(world: psycopg.Connection[Any], query: str, *parameters: Any) -> Rows:
    rows = world.execute(query, parameters or None).fetchall()
    return [tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in rows]


def test_active_users(world: psycopg.Connection[Any]) -> None:
    days = {row[0].day: row[1:] for row in read(world, f"SELECT * FROM analytics.active_users({FIRST_WEEKS})")}
    assert len(days) == 21
    assert days[1] == (2, 2, 2, 1.0)  # ann and bob
    assert days[8] == (2, 4, 4, 0.5)  # dan, cat; ann was last seen on the 2nd, bob on the 4th
    assert days[9] == (1, 4, 4, 0.25)
    assert days[16] == (1, 2, 4, 0.25)  # bob on the 10th
    assert days[17] == (0, 1, 4, 0.0)


def test_active_users_can_be_chosen(world: psycopg.Connection[Any]) -> None:
    query = "SELECT sum(dau) FROM analytics.active_users('2024-01-01Z', '2024-01-08Z', %s, %s, %s)"
    assert read(world, query, ["bot", "other"], None, None) == [(7,)]
    assert read(world, query, ["bot"], [], ["free"]) == [(5,)]
    assert read(world, query, ["bot"], ["staging"], None) == [(0,)]


def test_new_users_and_signups(world: psycopg.Connection[Any]) -> None:
    new = read(world, f"SELECT day, new_users FROM analytics.new_users({FIRST_WEEKS}) WHERE new_users > 0")
    assert new == [(date(2024, 1, 1), 2), (date(2024, 1, 8), 2)]
    signups = read(world, f"SELECT day, signups FROM analytics.signups({FIRST_WEEKS}) WHERE signups > 0")
    assert signups == [(date(2024, 1, 1), 2), (date(2024, 1, 8), 1)]  # cat signed up twice


def test_acquisition(world: psycopg.Connection[Any]) -> None:
    assert read(world, f"SELECT * FROM analytics.acquisition({FIRST_WEEKS})") == [
        ("search", 2, 1, 0.5, 1, 0.5),
        ("friend", 1, 1, 1.0, 0, 0.0),
    ]


def test_retention_by_weekly_cohort(world: psycopg.Connection[Any]) -> None:
    assert read(world, f"SELECT * FROM analytics.retention({FIRST_WEEKS})") == [
        (date(2024, 1, 1), 2, 0, 2, 1.0, True),
        (date(2024, 1, 1), 2, 1, 2, 1.0, True),
        (date(2024, 1, 1), 2, 2, 1, 0.5, True),
        (date(2024, 1, 8), 2, 0, 2, 1.0, True),
        (date(2024, 1, 8), 2, 1, 0, 0.0, True),
    ]


def test_retention_of_those_who_signed_up(world: psycopg.Connection[Any]) -> None:
    rows = read(
        world, f"SELECT cohort, users FROM analytics.retention({FIRST_WEEKS}, since => 'signup') WHERE week = 0"
    )
    assert rows == [(date(2024, 1, 1), 2), (date(2024, 1, 8), 1)]


def test_a_week_that_is_not_over_is_marked(world: psycopg.Connection[Any]) -> None:
    range_ = "'2024-01-01Z', '2024-01-10Z', '{bot}'"
    rows = read(world, f"SELECT week, active, complete FROM analytics.retention({range_}) WHERE cohort = '2024-01-01'")
    assert rows == [(0, 2, True), (1, 1, False)]


def test_churn(world: psycopg.Connection[Any]) -> None:
    assert read(world, f"SELECT * FROM analytics.churn({FIRST_WEEKS})") == [
        (date(2024, 1, 1), 0, 0, None, 2),
        (date(2024, 1, 8), 2, 0, 0.0, 2),
        (date(2024, 1, 15), 4, 3, 0.75, 0),
    ]


def test_funnel(world: psycopg.Connection[Any]) -> None:
    third = pytest.approx(1 / 3)
    assert read(world, f"SELECT * FROM analytics.funnel({FIRST_WEEKS})") == [
        (1, "user.signup", 3, 1.0, 1.0, None),
        (2, "first_query", 2, pytest.approx(2 / 3), pytest.approx(2 / 3), 3600.0),
        (3, "quota.hit", 2, pytest.approx(2 / 3), 1.0, (24 + 44) * 1800.0),  # ann after 24 h, bob after 44 h
        (4, "subscription.upgraded", 1, third, 0.5, 3600.0),
    ]


def test_a_funnel_keeps_its_order(world: psycopg.Connection[Any]) -> None:
    range_ = "from_time => '2024-01-01Z', to_time => '2024-01-22Z', services => '{other}'"
    assert read(world, f"SELECT users, of_previous FROM analytics.funnel({range_})") == [
        (1, 1.0),
        (1, 1.0),
        (0, 0.0),
        (0, None),
    ]


def test_a_funnel_of_steps_with_attributes(world: psycopg.Connection[Any]) -> None:
    steps = ["conversation{tier=free}", "command.used{command=/search}", "command.used{command=/help}", "tool_call"]
    rows = read(world, f"SELECT users FROM analytics.funnel({FIRST_WEEKS}, events => %s)", steps)
    assert rows == [(2,), (2,), (1,), (0,)]
    range_ = "from_time => '2024-02-01Z', to_time => '2024-02-02Z', services => '{cost}'"
    steps = ["tool_call{tool=x}", "conversation{agent=b}"]
    assert read(world, f"SELECT users FROM analytics.funnel({range_}, events => %s)", steps) == [(2,), (1,)]


def test_conversion_by_distinct_users(world: psycopg.Connection[Any]) -> None:
    rows = read(world, f"SELECT * FROM analytics.conversion({FIRST_WEEKS})")
    assert rows == [(2, 1, 0.5, 3, 1, pytest.approx(1 / 3))]


@pytest.mark.parametrize(
    ("step", "goal", "expected"),
    [
        ("property.search", "reservation{status=completed}", (2, 1, 0.5, 3, 1, 1 / 3)),
        ("session.start", "reservation", (3, 2, 2 / 3, 3, 2, 2 / 3)),
        ("nothing", "reservation", (0, 0, None, 0, 2, None)),
    ],
)
def test_conversion_to_reservations(
    world: psycopg.Connection[Any], step: str, goal: str, expected: tuple[Any, ...]
) -> None:
    query = "SELECT * FROM analytics.conversion(%s, %s, '2024-04-02Z', '2024-04-03Z', '{shop}')"
    assert read(world, query, step, goal) == [pytest.approx(expected)]


def test_journeys(world: psycopg.Connection[Any]) -> None:
    assert read(world, "SELECT * FROM analytics.journeys('2024-03-06Z', '2024-03-07Z', '{journey}')") == [
        ("conversation", None, 2, 2, pytest.approx(2 / 3)),
        ("session.start", "conversation", 2, 2, 1.0),
        ("conversation", "conversation", 1, 1, pytest.approx(1 / 3)),
    ]


def test_feature_adoption(world: psycopg.Connection[Any]) -> None:
    assert read(world, "SELECT * FROM analytics.feature_adoption('2024-02-01Z', '2024-02-02Z', '{cost}')") == [
        ("(none)", 1, 0.5, 1, 0.3),
        ("chat", 1, 0.5, 1, 0.6),
        ("search", 1, 0.5, 1, 0.1),
    ]


def test_commands(world: psycopg.Connection[Any]) -> None:
    rows = read(world, f"SELECT * FROM analytics.commands({FIRST_WEEKS})")
    assert rows == [("/search", 3, 2, 0.75), ("/help", 1, 1, 0.25)]


def test_events_over_time(world: psycopg.Connection[Any]) -> None:
    query = "SELECT * FROM analytics.events_over_time('reservation', 'status', '1 day', '2024-04-02Z', '2024-04-03Z')"
    day = datetime(2024, 4, 2, tzinfo=UTC)
    assert read(world, query) == [(day, "completed", 1, 1, None), (day, "failed", 1, 1, None)]


def test_limits_and_upgrades(world: psycopg.Connection[Any]) -> None:
    assert read(world, f"SELECT * FROM analytics.limit_hits({FIRST_WEEKS})") == [("free", 3, 2)]
    rows = read(world, f"SELECT * FROM analytics.upgrades({FIRST_WEEKS})")
    assert rows == [(date(2024, 1, 2), "free", "pro", 1, 1)]


def test_users_by_tier(world: psycopg.Connection[Any]) -> None:
    assert sorted(read(world, "SELECT * FROM analytics.users_by_tier WHERE service = 'live'")) == [
        ("live", "(none)", 2, 2, 0),
        ("live", "free", 2, 1, 0),
        ("live", "max", 1, 1, 50),
        ("live", "pro", 1, 1, 20),
    ]


def test_recurring_revenue(world: psycopg.Connection[Any]) -> None:
    # new pays 20 and dormant 50; five of the six users were seen in the last 30 days.
    assert read(world, "SELECT * FROM analytics.mrr WHERE service = 'live'") == [("live", 70, 840, 2, 5, 14, 35)]


def test_revenue_over_time(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.revenue(now() - interval '30 days', services => '{live}')")
    back = {(rows[-1][0] - row[0]).days: row[1:] for row in rows}
    assert back[30][:3] == (0, 0, 0)
    assert back[23][:4] == (20, 240, 1, 20)  # casual, since 26 days ago
    assert back[15][:4] == (40, 480, 2, 20)  # dormant took pro 20 days ago
    assert back[20][4:] == (20, 0)
    assert back[7][:4] == (70, 840, 2, 35)  # and max 10 days ago
    assert back[5][4:] == (0, 20)  # casual cancelled
    assert back[3][:4] == (50, 600, 1, 50)


def test_subscriptions_are_lasting_tiers(world: psycopg.Connection[Any]) -> None:
    columns = "tier, monthly_usd, change_usd, to_time IS NULL"
    query = f"SELECT {columns} FROM analytics.subscriptions WHERE user_id = %s ORDER BY from_time"
    assert read(world, query, "dormant") == [("free", 0, 0, False), ("pro", 20, 20, False), ("max", 50, 30, True)]


def test_margin_of_tiers(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.tier_margin WHERE service = 'live' AND tier = 'pro'")
    # new and casual asked once each; dormant only took the tier.
    assert rows == [("live", "pro", 3, 2, 0.02, 20, 60, 59.98, pytest.approx(0.02 / 3), 2000)]


def test_cost_over_time(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.cost_over_time('1 day', '2024-02-01Z', '2024-02-02Z', '{cost}')")
    assert rows == [(datetime(2024, 2, 1, tzinfo=UTC), 3, 1.0, pytest.approx(1 / 3), 3.0)]


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        ("agent", [("b", 1, 0.6, 0.6, 0.6), ("a", 2, 0.4, 0.2, 0.4)]),
        ("feature", [("chat", 1, 0.6, 0.6, 0.6), ("(none)", 1, 0.3, 0.3, 0.3), ("search", 1, 0.1, 0.1, 0.1)]),
        ("user", [("u1", 2, 0.7, 0.35, 0.7), ("u2", 1, 0.3, 0.3, 0.3)]),
        ("tier", [("(none)", 3, 1.0, pytest.approx(1 / 3), 1.0)]),
        ("environment", [("prod", 3, 1.0, pytest.approx(1 / 3), 1.0)]),
        ("service", [("cost", 3, 1.0, pytest.approx(1 / 3), 1.0)]),
    ],
)
def test_cost_by(world: psycopg.Connection[Any], dimension: str, expected: Rows) -> None:
    rows = read(world, "SELECT * FROM analytics.cost_by(%s, '2024-02-01Z', '2024-02-02Z', '{cost}')", dimension)
    assert rows == expected


def test_a_wrong_dimension_is_named(world: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        world.execute("SELECT * FROM analytics.cost_by('agnet')")
    assert caught.value.diag.message_primary == (
        "dimension='agnet': expected one of agent, environment, feature, service, tier, user"
    )


def test_cost_by_tool_sums_to_the_total(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.cost_by_tool('2024-02-01Z', '2024-02-02Z', '{cost}')")
    assert rows == [
        ("(none)", 0, 1, 0.6, None),
        ("x", 3, 2, 0.25, pytest.approx(0.25 / 3)),
        ("y", 2, 2, 0.15, 0.075),
    ]


def test_cost_by_model(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.cost_by_model('2024-02-01Z', '2024-02-02Z', '{cost}')")
    assert rows == [("p", "m2", 2, 0, 200, 20, 0.6, 0.6, 1), ("p", "m1", 2, 0, 200, 20, 0.4, 0.2, 0)]


def test_expensive_conversations(world: psycopg.Connection[Any]) -> None:
    range_ = "'2024-02-01Z', '2024-02-02Z'"
    query = f"SELECT trace_id, cost_usd, tool_calls FROM analytics.expensive_conversations({range_}, top => 2)"
    assert read(world, query) == [("3" * 32, 0.6, 0), ("2" * 32, 0.3, 3)]


def test_projected_cost(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.projected_cost WHERE service = 'live'")
    assert rows == [("live", "prod", 42, 0.42, pytest.approx(0.06), pytest.approx(1.8))]
    rows = read(world, "SELECT projected_month_usd FROM analytics.projected_cost WHERE service = 'young'")
    assert rows == [(pytest.approx(3.0, rel=0.001),)]  # 0.20 in two days


def test_satisfaction_leaves_the_unrated_out(world: psycopg.Connection[Any]) -> None:
    query = "SELECT * FROM analytics.satisfaction('1 day', '2024-03-04Z', '2024-03-05Z', '{quality}')"
    assert read(world, query) == [(datetime(2024, 3, 4, tzinfo=UTC), 4, 1, 2, pytest.approx(1 / 3), 0.75)]


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


def test_router_accuracy(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.router_accuracy('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [("route", 5, 1, 0.2, 2, 1, 0.5, 0.4)]


def test_agents(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.agents('2024-03-04Z', '2024-03-05Z', '{quality}')")
    assert rows == [
        ("quality", "a", 2, 0.5, 0, 0.0, 1.5, pytest.approx(1.95), 1, 1, 0.5),
        ("quality", "b", 2, 0.5, 1, 0.5, 3.5, pytest.approx(3.95), 0, 1, 0.0),
    ]
    rows = read(world, "SELECT agent, runs FROM analytics.agents('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [("router", 6), ("crm", 3), ("erp", 2)]


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
    assert rows["conversations"] == (6, 4, 0.5, None, None)
    assert rows["error_ratio"] == (pytest.approx(1 / 6), 0.25, pytest.approx(-1 / 3), "< 0.05", False)
    assert rows["p50_seconds"] == (1.0, 2.5, -0.6, "< 8", True)
    assert rows["satisfaction"] == (None, pytest.approx(1 / 3), None, "> 0.8", None)


def test_usage_adds_up(world: psycopg.Connection[Any]) -> None:
    columns = "agent, conversations, errors, positive, negative, latency_seconds, tool_calls, tool_errors"
    query = f"SELECT {columns} FROM analytics.usage('1 hour', '2024-03-04Z', '2024-03-05Z', '{{quality}}')"
    assert read(world, query) == [("a", 2, 0, 1, 1, 3.0, 2, 1), ("b", 2, 1, 0, 1, 7.0, 2, 0)]


def test_hours(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.hours('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [(2, 10, 4, pytest.approx(2 / 3)), (2, 11, 2, pytest.approx(1 / 3))]


def test_active_now(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.active_now('1 hour', '{live}')")
    assert rows == [(1, 1, 1)]


def test_top_users(world: psycopg.Connection[Any]) -> None:
    columns = "user_id, conversations, sessions, cost_usd"
    query = f"SELECT {columns} FROM analytics.top_users(%s, '2024-02-01Z', '2024-02-02Z', %s)"
    assert read(world, query, "activity", ["cost"]) == [("u1", 2, 0, 0.7), ("u2", 1, 0, 0.3)]
    query = "SELECT user_id, conversations, sessions FROM analytics.top_users('cost', '2024-03-05Z', '2024-03-06Z', %s)"
    assert read(world, query, ["route"]) == [("q", 1, 1), ("p", 5, 2)]  # of no cost: lately seen first


def test_user_summary(world: psycopg.Connection[Any]) -> None:
    columns = "user_id, sessions, conversations, errors, mean_seconds, positive, negative, satisfaction, last_seen"
    query = f"SELECT {columns} FROM analytics.user_summary('2024-03-04Z', '2024-03-05Z', '{{quality}}')"
    assert read(world, query) == [
        ("u2", 1, 2, 1, 3.5, 0, 1, 0.0, datetime(2024, 3, 4, 10, 30, tzinfo=UTC)),
        ("u1", 1, 2, 0, 1.5, 1, 1, 0.5, datetime(2024, 3, 4, 10, 10, tzinfo=UTC)),
    ]


def test_quiet_users(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT user_id, conversations, quiet_users FROM analytics.quiet_users(services => '{live}')")
    assert rows == [("casual", 1, 3), ("dormant", 0, 3), ("lost", 0, 3)]


def test_segments(world: psycopg.Connection[Any]) -> None:
    segments = dict(read(world, "SELECT user_id, segment FROM analytics.user_segments WHERE service = 'live'"))
    assert segments == {user: user for user in ("new", "dormant", "casual", "lost", "regular", "power")}
    rows = read(world, "SELECT * FROM analytics.segments WHERE service = 'live' AND tier = '(none)' ORDER BY segment")
    assert rows == [("live", "(none)", "power", 1, 35, 0.35), ("live", "(none)", "regular", 1, 5, 0.05)]


def test_recent_conversations(world: psycopg.Connection[Any]) -> None:
    chosen = "'2024-03-04Z', '2024-03-05Z', '{quality}'"
    query = f"SELECT user_id, rating FROM analytics.recent_conversations({chosen}, top => 2)"
    assert read(world, query) == [("u2", "negative"), ("u2", None)]
    chosen += ", ratings => '{none}', characters => 3"
    query = f"SELECT question, reply, rating FROM content.recent_conversations({chosen})"
    assert read(world, query) == [("ano", "rep", None)]


def test_one_conversation_with_its_content(world: psycopg.Connection[Any]) -> None:
    columns = "user_id, latency_seconds, question, reply, tool_calls, votes"
    (row,) = read(world, f"SELECT {columns} FROM content.conversation(%s)", "b" * 32)
    *plain, tools, votes = row
    assert plain == ["u1", 2.0, "same", "reply to same"]
    assert [(tool["tool"], tool["error_type"], tool["arguments"], tool["result"]) for tool in tools] == [
        ("t", "Timeout", "{}", "done")
    ]
    assert [(vote["rating"], vote["comment"]) for vote in votes] == [("negative", "it is negative")]
    assert read(world, "SELECT * FROM content.conversation(%s)", "f" * 32) == []


def test_activity_has_conversations_and_events(world: psycopg.Connection[Any]) -> None:
    assert read(world, "SELECT user_id, count(*) FROM analytics.activity WHERE service = 'other' GROUP BY 1") == [
        ("zoe", 3)
    ]


CALLS = (
    "SELECT p.oid::regproc::text || '()' FROM pg_proc p"
    " WHERE p.pronamespace IN ('analytics'::regnamespace, 'content'::regnamespace) AND p.proretset"
    " AND p.pronargs = p.pronargdefaults"
    " UNION ALL SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace"
)


def test_nothing_fails_where_there_is_nothing(database: str) -> None:
    with psycopg.connect(database) as connection:
        calls = [name for (name,) in connection.execute(CALLS)]
        for call in calls:
            connection.execute(f"SELECT * FROM {call}").fetchall()
        (row,) = connection.execute(
            "SELECT success_ratio, satisfaction, queries_per_dollar, users FROM analytics.kpis()"
        )
    assert len(calls) > 45
    assert row == (None, None, None, 0)


def test_a_reader_sees_numbers_but_no_words(world: psycopg.Connection[Any]) -> None:
    calls = [name for (name,) in world.execute(CALLS)]
    with world.transaction(force_rollback=True):
        world.execute("RESET ROLE")
        world.execute("SET ROLE otelgate_grafana")
        for call in calls:
            if call.startswith("analytics."):
                world.execute(f"SELECT * FROM {call} LIMIT 1").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege), world.transaction():
            world.execute("SELECT * FROM content.recent_conversations()")


def test_everything_is_explained(world: psycopg.Connection[Any]) -> None:
    objects = world.execute(
        "SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p"
        " WHERE p.pronamespace IN ('analytics'::regnamespace, 'content'::regnamespace)"
        " UNION ALL SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c"
        " WHERE c.relnamespace = 'analytics'::regnamespace"
    ).fetchall()
    text = (Path(views.__file__).parent / "analytics.md").read_text()
    named = set(re.findall(r"`(?:analytics\.|content\.)?(\w+)[`(]", text))
    assert [name for name, comment in objects if not comment] == []
    assert sorted({name for name, _ in objects} - named) == []


def test_views_are_made_once(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert views.apply(connection) == []
        connection.execute("COMMENT ON SCHEMA analytics IS 'other files'")
        connection.execute("CREATE VIEW public.mine AS SELECT * FROM analytics.mrr")
        number = len(list(views.FOLDER.glob("*.sql")))
        assert views.apply(connection) == [
            f"analytics: views and functions made from {number} files",
            "dropped public.mine, which read analytics: make it again",
        ]
        assert views.apply(connection) == []


def test_a_wrong_file_is_named_and_changes_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "10_wrong.sql").write_text("CREATE VIEW analytics.wrong AS SELECT * FROM nowhere")
    monkeypatch.setattr(views, "FOLDER", tmp_path)
    with psycopg.connect(database) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable) as caught:
            views.apply(connection)
        assert caught.value.__notes__ == ["in views/10_wrong.sql"]
        assert connection.execute("SELECT count(*) FROM analytics.mrr").fetchone() == (0,)


def test_days_of_a_user_go_with_the_user(database: str) -> None:
    with psycopg.connect(database) as connection:
        talks = [talk("s", at("01-01 10:00") + day * DAY, "ann") for day in (0, 0, 1)]
        generate.write(connection, talks, [])
        days = "SELECT day FROM audit.user_days ORDER BY 1"
        assert connection.execute(days).fetchall() == [(date(2024, 1, 1),), (date(2024, 1, 2),)]
        connection.execute("DELETE FROM audit.conversations")
        assert len(connection.execute(days).fetchall()) == 2
        connection.execute("DELETE FROM audit.users")
        assert connection.execute(days).fetchall() == []


def test_migrating_keeps_the_grants(database: str) -> None:
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        connection.execute(sql.SQL("COMMENT ON SCHEMA analytics IS 'older'"))
        audit_database.migrate(database)
        row = connection.execute(
            "SELECT has_table_privilege('otelgate_reader', 'analytics.mrr', 'SELECT'),"
            " has_schema_privilege('otelgate_reader', 'analytics', 'USAGE')"
        ).fetchone()
    assert row == (True, True)
