"""Users and what they do, on a small world whose numbers were worked out by hand."""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from ..analytics_data import FIRST_WEEKS, read


@pytest.mark.shows("F9", "K12", "K21")
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


@pytest.mark.shows("K21", "K61")
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


def test_retention_view_marks_unfinished_week(world: psycopg.Connection[Any]) -> None:
    range_ = "'2024-01-01Z', '2024-01-10Z', '{bot}'"
    rows = read(world, f"SELECT week, active, complete FROM analytics.retention({range_}) WHERE cohort = '2024-01-01'")
    assert rows == [(0, 2, True), (1, 1, False)]


@pytest.mark.shows("K21")
def test_churn(world: psycopg.Connection[Any]) -> None:
    assert read(world, f"SELECT * FROM analytics.churn({FIRST_WEEKS})") == [
        (date(2024, 1, 1), 0, 0, None, 2),
        (date(2024, 1, 8), 2, 0, 0.0, 2),
        (date(2024, 1, 15), 4, 3, 0.75, 0),
    ]


@pytest.mark.shows("K61")
def test_funnel(world: psycopg.Connection[Any]) -> None:
    third = pytest.approx(1 / 3)
    assert read(world, f"SELECT * FROM analytics.funnel({FIRST_WEEKS})") == [
        (1, "user.signup", 3, 1.0, 1.0, None),
        (2, "first_turn", 2, pytest.approx(2 / 3), pytest.approx(2 / 3), 3600.0),
        (3, "quota.hit", 2, pytest.approx(2 / 3), 1.0, (24 + 44) * 1800.0),  # ann after 24 h, bob after 44 h
        (4, "subscription.upgraded", 1, third, 0.5, 3600.0),
    ]


def test_funnel_keeps_its_order(world: psycopg.Connection[Any]) -> None:
    range_ = "from_time => '2024-01-01Z', to_time => '2024-01-22Z', services => '{other}'"
    assert read(world, f"SELECT users, of_previous FROM analytics.funnel({range_})") == [
        (1, 1.0),
        (1, 1.0),
        (0, 0.0),
        (0, None),
    ]


@pytest.mark.shows("K61")
def test_funnel_counts_steps_with_attributes(world: psycopg.Connection[Any]) -> None:
    steps = ["turn{tier=free}", "command.used{command=/search}", "command.used{command=/help}", "tool_call"]
    rows = read(world, f"SELECT users FROM analytics.funnel({FIRST_WEEKS}, events => %s)", steps)
    assert rows == [(2,), (2,), (1,), (0,)]
    range_ = "from_time => '2024-02-01Z', to_time => '2024-02-02Z', services => '{cost}'"
    steps = ["tool_call{tool=x}", "turn{agent=b}"]
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


@pytest.mark.shows("K21")
def test_journeys(world: psycopg.Connection[Any]) -> None:
    assert read(world, "SELECT * FROM analytics.journeys('2024-03-06Z', '2024-03-07Z', '{journey}')") == [
        ("session.start", "turn", 2, 2, 1.0),
        ("turn", None, 2, 2, pytest.approx(2 / 3)),
        ("turn", "turn", 1, 1, pytest.approx(1 / 3)),
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


def test_hours(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.hours('2024-03-05Z', '2024-03-06Z', '{route}')")
    assert rows == [(2, 10, 4, pytest.approx(2 / 3)), (2, 11, 2, pytest.approx(1 / 3))]


def test_active_now(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.active_now('1 hour', '{live}')")
    assert rows == [(1, 1, 1)]


def test_top_users(world: psycopg.Connection[Any]) -> None:
    columns = "user_id, turns, sessions, cost_usd"
    query = f"SELECT {columns} FROM analytics.top_users(%s, '2024-02-01Z', '2024-02-02Z', %s)"
    assert read(world, query, "activity", ["cost"]) == [("u1", 2, 0, 0.7), ("u2", 1, 0, 0.3)]
    query = "SELECT user_id, turns, sessions FROM analytics.top_users('cost', '2024-03-05Z', '2024-03-06Z', %s)"
    assert read(world, query, ["route"]) == [("q", 1, 1), ("p", 5, 2)]  # of no cost: lately seen first


def test_user_summary(world: psycopg.Connection[Any]) -> None:
    columns = "user_id, sessions, turns, errors, mean_seconds, positive, negative, satisfaction, last_seen"
    query = f"SELECT {columns} FROM analytics.user_summary('2024-03-04Z', '2024-03-05Z', '{{quality}}')"
    assert read(world, query) == [
        ("u2", 1, 2, 1, 3.5, 0, 1, 0.0, datetime(2024, 3, 4, 10, 30, tzinfo=UTC)),
        ("u1", 1, 2, 0, 1.5, 1, 1, 0.5, datetime(2024, 3, 4, 10, 10, tzinfo=UTC)),
    ]


def test_quiet_users(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT user_id, turns, quiet_users FROM analytics.quiet_users(services => '{live}')")
    assert rows == [("casual", 1, 3), ("dormant", 0, 3), ("lost", 0, 3)]


@pytest.mark.shows("K61")
def test_segments(world: psycopg.Connection[Any]) -> None:
    segments = dict(read(world, "SELECT user_id, segment FROM analytics.user_segments WHERE service = 'live'"))
    assert segments == {user: user for user in ("new", "dormant", "casual", "lost", "regular", "power")}
    rows = read(world, "SELECT * FROM analytics.segments WHERE service = 'live' AND tier = '(none)' ORDER BY segment")
    assert rows == [("live", "(none)", "power", 1, 35, 0.35), ("live", "(none)", "regular", 1, 5, 0.05)]


def test_activity_has_turns_and_events(world: psycopg.Connection[Any]) -> None:
    assert read(world, "SELECT user_id, count(*) FROM analytics.activity WHERE service = 'other' GROUP BY 1") == [
        ("zoe", 3)
    ]
