"""All stores go away under steady traffic and the gateway is killed meanwhile; when all are back nothing is missing."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from waiting import until
from world import OwnWorld, World

STORES = ("prometheus", "loki", "tempo")
OUTAGE_S = 420
TRAFFIC = Path(__file__).with_name("traffic.py")


@dataclass
class Traffic:
    """The sender's results: (trace id, span id) and log numbers acknowledged, and the steps that it counted."""

    service: str
    record: Path
    spans: set[tuple[str, str]] = field(default_factory=set)
    logs: set[str] = field(default_factory=set)
    steps: int = 0

    def read(self) -> "Traffic":
        for line in self.record.read_text().splitlines():
            kind, *ids = line.split()
            if kind == "span":
                self.spans.add((ids[0], ids[1]))
            else:
                self.logs.add(ids[0])
        return self

    def acknowledged(self) -> int:
        return self.record.read_text().count("\n") if self.record.exists() else 0


@contextmanager
def steady_traffic(world: World, service: str, record: Path) -> Iterator[Traffic]:
    """Runs until the block ends; its totals are in the Traffic then."""
    env = world.application_env(service)
    command = [sys.executable, str(TRAFFIC), str(record)]
    traffic = Traffic(service, record)
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield traffic
        finally:
            out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    traffic.steps = json.loads(out)["steps"]
    traffic.read()


def wait_for(condition: threading.Event, seconds: float) -> None:
    """The length of an outage is the test's subject, not a guess at when something is done."""
    condition.wait(seconds)


def missing_spans(world: World, traffic: Traffic) -> set[tuple[str, str]]:
    stored = {
        (span.trace_id, span.span_id)
        for trace_id in {trace_id for trace_id, _ in traffic.spans}
        for span in world.tempo.trace(trace_id)
    }
    return traffic.spans - stored


def missing_logs(world: World, traffic: Traffic, start_ns: int) -> set[str]:
    found: set[str] = set()
    since = start_ns
    while lines := world.loki.query_range(f'{{service_name="{traffic.service}"}}', start_ns=since, limit=4000):
        found |= {line.metadata["number"] for line in lines if "number" in line.metadata}
        since = lines[-1].time_ns + 1
    return traffic.logs - found


@pytest.mark.slow
def test_nothing_acknowledged_is_lost(own_world: OwnWorld, tmp_path: Path) -> None:
    world = own_world
    service, start_ns, never = "traffic", time.time_ns(), threading.Event()
    with steady_traffic(world, service, tmp_path / "record") as traffic:
        assert until(lambda: traffic.acknowledged() > 100)
        with world.without(*STORES):
            wait_for(never, OUTAGE_S / 2)
            during = traffic.acknowledged()
            world.gateway.kill()
            world.gateway.start()
            assert until(lambda: traffic.acknowledged() > during + 100), "no traffic after the gateway came back"
            wait_for(never, OUTAGE_S / 2)
        after = traffic.acknowledged()
        assert until(lambda: traffic.acknowledged() > after + 100)

    total = f'sum(traffic_steps_total{{service_name="{service}"}})'
    assert until(lambda: world.prometheus.value(total) == traffic.steps, deadline_s=180), world.prometheus.value(total)
    assert until(lambda: not missing_logs(world, traffic, start_ns), deadline_s=180), missing_logs(
        world, traffic, start_ns
    )
    assert until(lambda: not missing_spans(world, traffic), deadline_s=180), missing_spans(world, traffic)
    print(
        f"\noutage of {OUTAGE_S} s: {len(traffic.spans)} spans and {len(traffic.logs)} log records acknowledged, "
        f"none missing; the counter says {traffic.steps}, as the application does"
    )
