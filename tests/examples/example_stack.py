"""Fixtures of the examples' tests: the running stack, `make example` against it, and the stored data."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import shared
import thrown_away
from otelgate_stack import settings
from otelgate_stack.clients import Loki, Prometheus, Tempo
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

STORES = ("gateway", "prometheus", "loki", "tempo", "audit", "keeper", "postgres", "feedback")
WATCHERS = ("prober", "node-exporter", "postgres-exporter", "redis-exporter")
WEDNESDAY = 1_781_719_200.0
"""18:00 UTC of 2026-06-17, in Unix seconds: where a past ends that must not depend on today's weekday or hour. Fewer
users come at weekends and by night."""
KEEPS_LONG = {"OTELGATE_RETENTION_METRICS": "3650d"}
"""The settings of a stack that holds such a past."""


@dataclass
class ExampleStack:
    """`env` is the environment with this stack's settings."""

    settings: Settings
    env: Mapping[str, str]
    engine: NativeEngine
    folder: Path

    @property
    def prometheus(self) -> Prometheus:
        return Prometheus.of(self.settings, timeout_s=60)

    @property
    def loki(self) -> Loki:
        return Loki.of(self.settings, timeout_s=60)

    @property
    def tempo(self) -> Tempo:
        return Tempo.of(self.settings, timeout_s=60)

    def example(self, app: str, *arguments: str) -> dict[str, Any]:
        """Run an example to its end, as `make example` does; returns its summary."""
        command = [sys.executable, "-m", "examples.common.run", app, *arguments]
        env = {**self.env, "OTELGATE_EXIT_TIMEOUT": "60000"}  # for a busy machine
        done = subprocess.run(command, env=env, cwd=self.settings.root, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-4000:]
        summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return summary

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows from the audit store, as its owner."""
        password = self.settings.database_password
        assert password is not None
        with psycopg.connect(self.settings.database, password=password.read_text().strip()) as connection:
            return connection.execute(query, parameters).fetchall()

    def metric(self, promql: str, time_s: float | None = None) -> float:
        """The value of an instant query with one result; 0 where it has none."""
        found = self.prometheus.query(promql, time_s)
        assert len(found) <= 1, found
        return found[0].value if found else 0.0

    def by_label(self, promql: str, label: str) -> dict[str, float]:
        """The values of a query's series, by a label."""
        return {sample.labels.get(label, ""): sample.value for sample in self.prometheus.query(promql)}


@contextmanager
def running_stack(
    folder: Path, more: Mapping[str, str] | None = None, services: Sequence[str] = STORES
) -> Iterator[ExampleStack]:
    """The gateway and the stores as processes, or other `services`, on free ports; with `more` settings."""
    env = shared.clean_env(folder, **(more or {}))
    loaded = settings.load(env)
    engine = NativeEngine(loaded, Report(), services=services)
    engine.up()
    try:
        yield ExampleStack(loaded, env, engine, folder)
    finally:
        thrown_away.end(loaded)


def heed_interrupts() -> None:
    """For Popen's `preexec_fn`: SIGINT ends the program, though pytest may be in the background and ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
