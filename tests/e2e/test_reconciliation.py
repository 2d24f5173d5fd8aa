"""The gateway's counts beside the sink's rows: the same, at any moment; and a row less is seen."""

import time

import psycopg
from otelgate_audit import reconcile, settings
from runs import Sender, kind_of, shape
from waiting import until
from world import World

RUNS = 300
SERVICE = "audit-counted"
TOTAL = sum(len(shape(kind_of(number)).runs) for number in range(RUNS))
"""Runs of agents in them; a graph that is no agent has none."""


def compared(world: World, database: psycopg.Connection, from_us: int, to_us: int) -> list[int]:
    """Counted, stored, missing and surplus of the service in a range."""
    windows = reconcile.report(database, settings.load(world.audit_env()), from_us, to_us)
    mine = [window for window in windows if window.service == SERVICE]
    return [sum(getattr(window, name) for window in mine) for name in ("counted", "stored", "missing", "surplus")]


def sending(world: World, seed: str) -> Sender:
    sender = Sender(f"127.0.0.1:{world.settings.grpc_port}", RUNS, seed, SERVICE, per_request=5)
    sender.start()
    return sender


def test_counts_and_rows_agree_at_an_edge_in_the_midst_of_traffic(world: World) -> None:
    start = time.time_ns() // 1000
    first = sending(world, "first")
    counter = f'sum(otelgate_run_count_total{{service_name="{SERVICE}"}})'
    first.join()
    assert until(lambda: world.prometheus.value(counter) == TOTAL)
    second = sending(world, "second")
    assert until(lambda: second.sent >= RUNS / 2 or second.failures)
    edge = time.time_ns() // 1000
    second.join()
    assert first.failures == second.failures == []
    with psycopg.connect(world.database_url, autocommit=True, options="-c timezone=UTC") as database:

        def whole() -> list[int]:
            return compared(world, database, start, time.time_ns() // 1000)

        until(lambda: whole() == [2 * TOTAL, 2 * TOTAL, 0, 0], every_s=0.5)
        assert whole() == [2 * TOTAL, 2 * TOTAL, 0, 0]
        before = compared(world, database, start, edge)
        after = compared(world, database, edge, time.time_ns() // 1000)
        assert before[0] >= TOTAL
        assert [before[0] + after[0], *before[2:], *after[2:]] == [2 * TOTAL, 0, 0, 0, 0]
        with database.transaction(force_rollback=True):
            one = "SELECT span_id FROM audit.runs WHERE service = %s AND operation = 'invoke_agent' LIMIT 1"
            assert database.execute(f"DELETE FROM audit.runs WHERE span_id = ({one})", [SERVICE]).rowcount == 1
            assert whole() == [2 * TOTAL, 2 * TOTAL - 1, 1, 0]
