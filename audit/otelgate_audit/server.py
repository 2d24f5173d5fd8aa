"""`otelgate-audit serve`: the sink, from its start to SIGTERM.

It listens immediately and answers UNAVAILABLE until the database is available at this program's schema version, to
which the keeper migrates it. It connects as the role `otelgate_writer`, which can insert but not delete. On SIGTERM it
accepts no more requests, commits those in flight, and exits with 0.
"""

from __future__ import annotations

import gc
import logging
from types import SimpleNamespace
from typing import Final

import click

from .ingest.receiver import Receiver
from .model import database
from .process import lifecycle
from .process.health import HealthServer, State
from .process.lifecycle import Connection, Watch
from .process.telemetry import Telemetry
from .settings import Settings
from .store.writer import Writer

_LOGGER = logging.getLogger(__name__)

# Of the nine seconds that process/lifecycle.py gives.
_GRACE_S = 6.0


OPTIONS: Final[list[click.Option]] = []


def run(settings: Settings, options: SimpleNamespace) -> int:
    """Serve until SIGTERM or SIGINT. 1: a port is taken."""
    _ = settings.chain_key, settings.writer_password, settings.audit_token  # a bad file ends it now
    return lifecycle.run(lambda: Telemetry(settings), lambda telemetry: Sink(settings, telemetry))


class Sink:
    """The parts of the process."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self.failure: str | None = None
        self.state = State()
        self._writer = Writer(settings, telemetry.meters)
        self._writing = False
        self.receiver = Receiver(settings, self._writer, telemetry.meters, self.state.closed)
        self.state.queue = self.receiver.gate.state
        self.health = HealthServer(settings.audit_host, settings.audit_health_port, self.state)
        self._watch = Watch(self.state, self._connect, self._begin, looked=self._looked, worded=_with_keeper_hint)

    def start(self) -> None:
        """Listen, and begin to look for the database. Raises OSError where a port is taken."""
        # Requests make and drop records by the ten thousand, without cycles: looking for them took a tenth of the time.
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        self.receiver.start()
        self.health.start()
        host = self._settings.audit_host
        _LOGGER.info("OTLP over gRPC on %s:%d, /health on %s:%d", host, self.receiver.port, host, self.health.port)
        self._watch.start()

    def stop(self) -> None:
        """Finish what is in flight, commit it, and end every part."""
        self.state.stopping = True
        self._watch.stop()
        self.receiver.stop(_GRACE_S)
        self._watch.join()
        if self._writing:
            self._writer.stop()
        self.health.stop()
        _LOGGER.info("stopped")

    def _connect(self) -> Connection:
        return database.connect_writer(self._settings, name="watch", autocommit=True)

    def _begin(self, connection: Connection) -> None:
        database.require_schema(connection)
        if not self._writing:
            self._writer.start()
            self._writing = True

    def _looked(self) -> None:
        self.receiver.serving(self.state.closed() is None)


def _with_keeper_hint(said: str) -> str:
    """A database's refusal; of the writer's role, with who makes it."""
    return f"{said}; `otelgate-audit keep` makes this role" if database.WRITER in said else said
