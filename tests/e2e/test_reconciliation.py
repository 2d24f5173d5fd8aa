"""The gateway's counts and the sink's rows: the same runs, calls and cost at any moment; a missing row is detected."""

import time
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from otelgate_audit import settings
from otelgate_audit.reconcile import comparison
from runs import Sender, kind_of, shape
from waiting import until
from world import World

RUNS = 300
SERVICE = "audit-counted"
ROUNDING = Decimal("1e-9")
TOTALS = {
    # Runs of agents in them; a graph that is not an agent has none.
    "runs": sum(len(shape(kind_of(number)).runs) for number in range(RUNS)),
    "calls": sum(len(shape(kind_of(number)).calls) for number in range(RUNS)),
}

Compared = dict[str, list[Any]]
"""Counted, stored, missing and surplus of each quantity."""


def compared(world: World, database: psycopg.Connection, from_us: int, to_us: int) -> Compared:
    """The service's numbers in a range."""
    windows = comparison.report(database, settings.load(world.audit_env()), from_us, to_us)
    mine = comparison.by_service(window for window in windows if window.service == SERVICE)
    return {each["quantity"]: [each[name] for name in ("counted", "stored", "missing", "surplus")] for each in mine}


def all_of_it(database: psycopg.Connection) -> Compared:
    """As it must come out when everything is counted and stored."""
    row = database.execute("SELECT sum(cost_usd) FROM audit.model_calls WHERE service = %s", [SERVICE]).fetchone()
    cost = row and row[0] and pytest.approx(row[0], rel=ROUNDING)
    whole = {quantity: [2 * total, 2 * total, 0, 0] for quantity, total in TOTALS.items()}
    return {**whole, "cost": [cost, cost, 0, 0]}


def sending(world: World, seed: str) -> Sender:
    sender = Sender(f"127.0.0.1:{world.settings.grpc_port}", RUNS, seed, SERVICE, per_request=5)
    sender.start()
    return sender


def test_counts_and_rows_agree_at_an_edge_in_the_midst_of_traffic(world: World) -> None:
    start = time.time_ns() // 1000
    first = sending(world, "first")
    counter = f'sum(otelgate_run_count_total{{service_name="{SERVICE}"}})'
    first.join()
    assert until(lambda: world.prometheus.value(counter) == TOTALS["runs"])
    second = sending(world, "second")
    assert until(lambda: second.sent >= RUNS / 2 or second.failures)
    edge = time.time_ns() // 1000
    second.join()
    assert first.failures == second.failures == []
    with psycopg.connect(world.database_url, autocommit=True, options="-c timezone=UTC") as database:

        def whole() -> Compared:
            return compared(world, database, start, time.time_ns() // 1000)

        until(lambda: whole() == all_of_it(database), every_s=0.5)
        complete = whole()
        assert complete == all_of_it(database)
        assert complete["cost"][0] > 0
        before = compared(world, database, start, edge)
        after = compared(world, database, edge, time.time_ns() // 1000)
        for quantity, numbers in complete.items():
            assert before[quantity][2:] == after[quantity][2:] == [0, 0]
            assert before[quantity][0] + after[quantity][0] == pytest.approx(numbers[0], rel=ROUNDING)
        assert all(before[quantity][0] >= total for quantity, total in TOTALS.items())
        with database.transaction(force_rollback=True):
            one = "SELECT span_id FROM audit.runs WHERE service = %s AND operation = 'invoke_agent' LIMIT 1"
            assert database.execute(f"DELETE FROM audit.runs WHERE span_id = ({one})", [SERVICE]).rowcount == 1
            total = 2 * TOTALS["runs"]
            assert whole() == {**complete, "runs": [total, total - 1, 1, 0]}
        with database.transaction(force_rollback=True):
            one = "SELECT span_id FROM audit.model_calls WHERE service = %s AND cost_usd > 0 LIMIT 1"
            (lost,) = database.execute(
                f"DELETE FROM audit.model_calls WHERE span_id = ({one}) RETURNING cost_usd", [SERVICE]
            ).fetchall()
            total, (cost, *_) = 2 * TOTALS["calls"], complete["cost"]
            found = whole()
            assert found["runs"] == complete["runs"]
            assert found["calls"] == [total, total - 1, 1, 0]
            assert found["cost"] == [pytest.approx(each) for each in (cost, cost - lost[0], lost[0], 0)]
