"""Fixtures of the end-to-end tests: the running stack, and waiting for data."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import psycopg
from gateways import Gateway
from otelgate_stack import access, clients, settings
from otelgate_stack.engines.native import NativeEngine
from waiting import until


@dataclass
class World:
    """The stores with a gateway in front of them, to send to and look at; `settings` is what they run with."""

    settings: settings.Settings
    prometheus: clients.Prometheus
    loki: clients.Loki
    tempo: clients.Tempo
    jaeger: clients.Jaeger

    @classmethod
    def of(cls, loaded: settings.Settings, **more: object) -> Self:
        """With the stores of these settings; `more` are the class's other fields."""
        return cls(
            loaded,
            clients.Prometheus.of(loaded),
            clients.Loki.of(loaded),
            clients.Tempo.of(loaded),
            clients.Jaeger.of(loaded),
            **more,
        )

    def application_env(self, service: str, **env: str) -> dict[str, str]:
        """The environment that a user sets for an application, and no other variable of OpenTelemetry."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTELGATE_"))}
        endpoint = f"http://127.0.0.1:{self.settings.grpc_port}"
        patient = {"OTELGATE_EXIT_TIMEOUT": "60000"}  # for a busy machine
        return {**clean, **patient, "OTEL_SERVICE_NAME": service, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **env}

    @property
    def database_url(self) -> str:
        """The audit database as its owner, with the password."""
        password = self.settings.database_password
        assert password is not None
        return psycopg.conninfo.make_conninfo(self.settings.database, password=password.read_text().strip())

    def audit_env(self) -> dict[str, str]:
        """For `python -m otelgate_audit`."""
        stores = {
            "OTELGATE_PROMETHEUS_URL": access.url(self.settings, "prometheus"),
            "OTELGATE_LOKI_URL": access.url(self.settings, "loki"),
        }
        return {**self.application_env("otelgate-audit"), **self.settings.owner_env(), **stores}

    def run(self, command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run to the end; stdout and stderr apart."""
        return subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=300)


@dataclass
class OwnGateway(World):
    """A gateway that a test may stop and configure, in front of stores that others use too."""

    gateway: Gateway


@dataclass
class OwnWorld(OwnGateway):
    """Stores that a test may stop, too."""

    backends: NativeEngine

    @contextmanager
    def without(self, *stores: str) -> Iterator[None]:
        """These are stopped before, and started after."""
        for store in stores:
            self.backends.stop(store)
        try:
            yield
        finally:
            for store in stores:
                self.backends.start(store)


def whole_trace(store: clients.Tempo | clients.Jaeger, trace_id: str, spans: int) -> list[clients.Span]:
    """A trace once it has that many spans: they leave the application in several batches, which arrive in any order.

    The answer that has them all is kept. While Tempo moves a trace from memory to its write-ahead log, it finds none.
    """
    found = until(lambda: store.trace(trace_id), lambda found: len(found) >= spans)
    assert len(found) == spans, [span.name for span in found]
    return found
