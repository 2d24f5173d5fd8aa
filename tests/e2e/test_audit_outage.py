"""Ten thousand runs while PostgreSQL, the sink and the gateway fall over: every run is on record, and once."""

import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest
from runs import Sender, expected, kind_of, shape, trace_id
from waiting import until
from world import OwnWorld

RUNS = 10_000
SERVICE, SEED = "audit-outage", "outage"


def chaos(world: OwnWorld) -> list[tuple[float, str, Callable[[], None]]]:
    """The events at each share of the sent runs: two stops of PostgreSQL, five kills."""
    backends, gateway = world.backends, world.gateway

    def kill_gateway() -> None:
        gateway.kill()
        gateway.start()

    return [
        (0.10, "PostgreSQL stops", lambda: backends.stop("postgres")),
        (0.20, "PostgreSQL is back", lambda: backends.start("postgres")),
        (0.30, "the sink is killed", lambda: backends.kill("audit")),
        (0.40, "the gateway is killed", kill_gateway),
        (0.50, "the sink is killed", lambda: backends.kill("audit")),
        (0.60, "PostgreSQL stops", lambda: backends.stop("postgres")),
        (0.70, "PostgreSQL is back", lambda: backends.start("postgres")),
        (0.75, "the keeper is killed", lambda: backends.kill("keeper")),
        (0.80, "the sink is killed", lambda: backends.kill("audit")),
    ]


@pytest.mark.slow
@pytest.mark.shows("F7", "K09", "KPI19")
def test_every_run_is_on_record_once(own_world: OwnWorld) -> None:
    world = own_world
    endpoint = f"127.0.0.1:{world.settings.grpc_port}"
    sender = Sender(endpoint, RUNS, SEED, SERVICE)
    sender.start()
    for share, what, happen in chaos(world):
        assert until(lambda share=share: sender.sent >= share * RUNS or sender.failures, deadline_s=300)
        print(f"{sender.sent} of {RUNS} runs sent: {what}", flush=True)
        happen()
    sender.join()
    assert sender.failures == []

    with psycopg.connect(world.database_url, autocommit=True) as database:
        count = "SELECT count(*) FROM audit.turns WHERE service = %s"
        until(lambda: stored(database, count) == [(RUNS,)], deadline_s=300, every_s=1)
        numbers = range(RUNS)
        wanted = {trace_id(number, SEED).hex() for number in numbers}
        found = [row[0] for row in stored(database, "SELECT trace_id FROM audit.turns WHERE service = %s")]
        assert (len(found), set(found) - wanted, wanted - set(found)) == (RUNS, set(), set())
        for table, what in (("tool_calls", "tools"), ("model_calls", "calls")):
            query = f"SELECT trace_id, span_id FROM audit.{table} WHERE service = %s"
            until(lambda query=query, what=what: len(stored(database, query)) >= total(what), deadline_s=120, every_s=1)
            rows = stored(database, query)
            assert len(rows) == len(set(rows)), f"{table} has a record twice"
            assert set(rows) == expected(numbers, SEED, what)
        totals = stored(
            database,
            "SELECT sum(tool_calls), sum(model_calls), count(DISTINCT cost_usd / model_calls), min(cost_usd) > 0"
            " FROM audit.turns WHERE service = %s",
        )
        assert totals == [(total("tools"), total("calls"), 1, True)]
        assert stored(database, "SELECT reason FROM content.rejects WHERE service = %s") == []
    print(
        f"\n{RUNS} runs, {total('spans')} spans: {RUNS} turns, {total('tools')} tool calls and {total('calls')}"
        " model calls on record, none missing, none twice"
    )
    verified = subprocess.run(
        [sys.executable, "-m", "otelgate_audit", "verify", "--no-loki"],
        env=world.audit_env(),
        capture_output=True,
        text=True,
    )
    assert verified.returncode in (0, 1), verified.stderr
    print(verified.stdout)


def total(what: str) -> int:
    found = [getattr(shape(kind_of(number)), what) for number in range(RUNS)]
    return sum(each if isinstance(each, int) else len(each) for each in found)


def stored(database: psycopg.Connection, query: str) -> list[tuple]:
    return database.execute(query, [SERVICE]).fetchall()
