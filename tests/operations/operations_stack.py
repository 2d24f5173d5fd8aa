"""Fixtures of the tests of operations: a separate native stack and its command line, as `make` calls it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from otelgate_stack import clients, settings
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

URL = "http://127.0.0.1:"


@dataclass
class Operated:
    """A stack and the environment that its settings come from; up or not."""

    env: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        return settings.load(self.env)

    @property
    def engine(self) -> NativeEngine:
        return NativeEngine(self.settings, Report())

    @property
    def prometheus(self) -> clients.Prometheus:
        return clients.Prometheus.of(self.settings)

    @property
    def loki(self) -> clients.Loki:
        return clients.Loki.of(self.settings)

    @property
    def tempo(self) -> clients.Tempo:
        return clients.Tempo.of(self.settings)

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """`python -m otelgate_stack …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "otelgate_stack", *arguments],
            env={**self.env, **changes},
            capture_output=True,
            text=True,
            timeout=600,
        )

    def good(self, *arguments: str, **changes: str) -> str:
        """Its output; it has to succeed."""
        done = self.run(*arguments, **changes)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The JSON that it printed."""
        return json.loads(self.good(*arguments, "--json"))

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows from the audit store, as its owner."""
        password = self.settings.database_password
        assert password is not None
        with psycopg.connect(self.settings.database, password=password.read_text().strip()) as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type]
