"""`otelgate-audit keep`: the process that owns the tables, and does the work that the sink's role may not.

It brings the schema, the views and the roles up to date when it starts, and runs the jobs (jobs/schedule.py):
partitions of the coming days, gauges, the ledger's heads, reconciliation, retention. It receives no data, and listens
for /health only.
"""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Final

from . import command_line
from .jobs import schedule
from .model import database
from .process import lifecycle
from .process.health import HealthServer, State
from .process.lifecycle import Connection, Watch
from .process.telemetry import Telemetry
from .settings import Settings

_LOGGER = logging.getLogger(__name__)

SERVICE = "otelgate-keeper"


OPTIONS: Final = [
    command_line.flag("--no-migrate", text="refuse a database at another version, where `keep` would migrate it")
]


def run(settings: Settings, options: SimpleNamespace) -> int:
    """Run until SIGTERM or SIGINT. 1: the port is in use, or the schema's version differs and can't be migrated."""
    # A bad file ends the process here.
    _ = settings.chain_key, settings.database_password, settings.writer_password, settings.grafana_password
    return lifecycle.run(
        lambda: Telemetry(settings, SERVICE, port=settings.keeper_port),
        lambda telemetry: Keeper(settings, telemetry, migrate=not options.no_migrate),
    )


class Keeper:
    """The parts of the process."""

    def __init__(self, settings: Settings, telemetry: Telemetry, *, migrate: bool) -> None:
        self._settings, self._telemetry, self._migrate = settings, telemetry, migrate
        self.failure: str | None = None
        self.state = State(queue=None)
        self.health = HealthServer(settings.audit_host, settings.keeper_port, self.state)
        self._jobs: schedule.Jobs | None = None
        self._watch = Watch(self.state, self._connect, self._begin, refused=self._refused)
        telemetry.meters.ready(lambda: self.state.closed() is None)

    def start(self) -> None:
        """Listen, and begin to poll the database. Raises OSError if the port is in use."""
        self.health.start()
        _LOGGER.info("/health on %s:%d", self._settings.audit_host, self.health.port)
        self._watch.start()

    def stop(self) -> None:
        """Stop every part; a running job is rolled back."""
        self.state.stopping = True
        self._watch.stop()
        self._watch.join()
        if self._jobs:
            self._jobs.stop()
        self.health.stop()
        _LOGGER.info("stopped")

    def _connect(self) -> Connection:
        settings = self._settings
        return database.connect(
            settings.database_url, name="watch", password=settings.database_password, autocommit=True
        )

    def _begin(self, connection: Connection) -> None:
        if self._migrate and not self._jobs:
            for line in database.migrate_with(self._settings):
                _LOGGER.info("migrated: %s", line)
        database.require_schema(connection)
        if not self._jobs:
            work = schedule.standard(self._settings, self._telemetry)
            meters = self._telemetry.meters
            self._jobs = schedule.Jobs(self._settings, meters, work, lambda: self.state.closed() is None)
            self._jobs.start()

    def _refused(self, why: str) -> None:
        if not self._jobs:  # a schema that changes later may come back
            self.failure = why
