"""Faults of a gateway, its stores and its clients, and what has to be true after each of them."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pytest
from acknowledged import CALL_USD, Sender, total, trace_id
from otelgate_stack.engines.engine import ServiceStatus
from waiting import until
from world import OwnWorld

More = Callable[[], None]
"""Waits until a hundred more runs and events were acknowledged."""

Act = Callable[[OwnWorld, More], None]


def no_fault(world: OwnWorld, more: More) -> None:
    more()


def kill_gateway(times: int) -> Act:
    def act(world: OwnWorld, more: More) -> None:
        for _ in range(times):
            world.gateway.kill()
            world.gateway.start()
            more()

    return act


def stop_gateway(times: int) -> Act:
    def act(world: OwnWorld, more: More) -> None:
        for _ in range(times):
            world.gateway.stop()
            world.gateway.start()
            more()

    return act


def reload_gateway(world: OwnWorld, more: More) -> None:
    for _ in range(2):
        world.gateway.reload()
        more()


def without(*stores: str, then: Act = no_fault) -> Act:
    """Something else happens while stores are away."""

    def act(world: OwnWorld, more: More) -> None:
        with world.without(*stores):
            more()
            then(world, more)

    return act


def status(world: OwnWorld, store: str) -> ServiceStatus:
    return next(each for each in world.backends.status() if each.name == store)


def kill(*stores: str) -> Act:
    """One after the other."""

    def act(world: OwnWorld, more: More) -> None:
        for store in stores:
            world.backends.kill(store)
            more()
            assert until(lambda store=store: status(world, store).ready, deadline_s=180), "it did not come back"

    return act


def stop(*stores: str) -> Act:
    """One after the other, as an operator would."""

    def act(world: OwnWorld, more: More) -> None:
        for store in stores:
            with world.without(store):
                more()
            more()

    return act


def freeze(*stores: str) -> Act:
    """They take connections and answer nothing."""

    def act(world: OwnWorld, more: More) -> None:
        frozen = [int(status(world, store).pid_or_container) for store in stores]
        try:
            for process in frozen:
                os.kill(process, signal.SIGSTOP)
            more()
            more()
        finally:
            for process in frozen:
                os.kill(process, signal.SIGCONT)

    return act


@dataclass(frozen=True)
class Fault:
    """`times`: how often each is sent, though it was acknowledged."""

    name: str
    act: Act = no_fault
    ahead_s: int = 0
    times: int = 1


HOUR_S = 3600


def on_record(world: OwnWorld, service: str) -> list[str]:
    """The trace ids of the runs in PostgreSQL; none while it starts."""
    with suppress(psycopg.OperationalError), psycopg.connect(world.database_url, autocommit=True) as database:
        rows = database.execute("SELECT trace_id FROM audit.runs WHERE service = %s", [service]).fetchall()
        return [row[0] for row in rows]
    return []


def in_loki(world: OwnWorld, service: str) -> list[str]:
    """The ids of the events. Loki shows lines of many hours ago when their chunk is written."""
    world.loki.http.post("/flush").raise_for_status()
    earliest_ns = time.time_ns() - 264 * HOUR_S * 10**9
    lines = world.loki.query_range(f'{{service_name="{service}"}}', start_ns=earliest_ns, limit=5000)
    return [line.metadata["log_record_uid"] for line in lines]


def in_tempo(world: OwnWorld, traces: Sequence[str]) -> dict[str, list[str]]:
    """The ids of each trace's spans."""
    return {each: [span.span_id for span in world.tempo.trace(each)] for each in traces}


def absent(spans: Mapping[str, Sequence[str]]) -> list[str]:
    return [trace for trace, ids in spans.items() if len(set(ids)) != 2]


def keeps_and_counts_once(
    world: OwnWorld, fault: Fault, number: int, record_property: Callable[[str, object], None]
) -> None:
    """Send runs and events while it happens: each that is acknowledged is in every store and counted, once.

    `number` tells the fault from others in the same world.
    """
    service = f"fault-{number}"
    first = 1 + number * 1_000_000
    sender = Sender(world, service, first, fault.ahead_s, fault.times)

    def more() -> None:
        wanted = sender.acknowledged + 100
        assert until(lambda: sender.acknowledged >= wanted, deadline_s=300), "nothing more is acknowledged"

    try:
        more()
        fault.act(world, more)
        more()
    finally:
        acknowledged = sender.stop()
    wanted = [trace_id(first + each) for each in range(acknowledged)]
    events = [f"{service}-{first + each}" for each in range(acknowledged)]

    counted = until(
        lambda: total(world, "otelgate_run_count_total", service), lambda value: value >= acknowledged, deadline_s=180
    )
    stored = until(lambda: on_record(world, service), lambda rows: len(rows) >= acknowledged, deadline_s=180)
    lines = until(lambda: in_loki(world, service), lambda rows: len(rows) >= acknowledged, deadline_s=180, every_s=2)
    spans = until(lambda: in_tempo(world, wanted), lambda found: not absent(found), deadline_s=180, every_s=1)
    repeated = [trace for trace, ids in spans.items() if len(ids) > len(set(ids))]
    record_property(
        "measured",
        f"{acknowledged} acknowledged; lost in Tempo {len(absent(spans))}, "
        f"PostgreSQL {acknowledged - len(set(stored))}, Loki {acknowledged - len(set(lines))}; "
        f"twice in Tempo {len(repeated)}, PostgreSQL {len(stored) - len(set(stored))}, "
        f"Loki {len(lines) - len(set(lines))}; {counted:.0f} counted",
    )
    assert counted == acknowledged
    assert until(lambda: total(world, "otelgate_event_count_total", service) == acknowledged)
    cost = pytest.approx(acknowledged * CALL_USD, rel=1e-9)
    assert until(lambda: total(world, "otelgate_llm_cost_total", service) == cost)
    assert Counter(stored) == Counter(wanted)
    assert Counter(lines) == Counter(events)
    assert absent(spans) == []
    if fault.times > 1:  # after a crash Tempo may have what was on its way twice
        assert repeated == []
