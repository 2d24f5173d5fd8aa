"""Tiers, revenue and cost, on a small world whose numbers were worked out by hand."""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from ..analytics_data import FIRST_WEEKS, Rows, read


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


@pytest.mark.shows("K22")
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


@pytest.mark.shows("K23")
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
@pytest.mark.shows("K23")
def test_cost_by(world: psycopg.Connection[Any], dimension: str, expected: Rows) -> None:
    rows = read(world, "SELECT * FROM analytics.cost_by(%s, '2024-02-01Z', '2024-02-02Z', '{cost}')", dimension)
    assert rows == expected


def test_views_name_wrong_dimension(world: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        world.execute("SELECT * FROM analytics.cost_by('agnet')")
    assert caught.value.diag.message_primary == (
        "dimension='agnet': expected one of agent, environment, feature, service, tier, user"
    )


@pytest.mark.shows("K23")
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


def test_expensive_turns(world: psycopg.Connection[Any]) -> None:
    range_ = "'2024-02-01Z', '2024-02-02Z'"
    query = f"SELECT trace_id, cost_usd, tool_calls FROM analytics.expensive_turns({range_}, top => 2)"
    assert read(world, query) == [("3" * 32, 0.6, 0), ("2" * 32, 0.3, 3)]


def test_projected_cost(world: psycopg.Connection[Any]) -> None:
    rows = read(world, "SELECT * FROM analytics.projected_cost WHERE service = 'live'")
    assert rows == [("live", "prod", 42, 0.42, pytest.approx(0.06), pytest.approx(1.8))]
    rows = read(world, "SELECT projected_month_usd FROM analytics.projected_cost WHERE service = 'young'")
    assert rows == [(pytest.approx(3.0, rel=0.001),)]  # 0.20 in two days
