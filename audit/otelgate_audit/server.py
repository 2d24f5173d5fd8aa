"""`otelgate-audit serve`: the process, from its start to SIGTERM.

It listens at once and answers UNAVAILABLE until the database is there and at this program's schema. SIGTERM: it takes
no more requests, finishes and commits those in flight, and ends with 0.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import threading
from typing import Any

import psycopg
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from . import database, jobs
from .health import OK, HealthServer, State
from .receiver import Receiver
from .settings import Settings, masked
from .telemetry import Telemetry, log_to_stderr
from .writer import Writer

_LOGGER = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_LOOK_S = 2.0
# Less than the ten seconds that supervisord and Docker give before they kill: a database that hangs must not hold the
# process. What was not answered with OK is sent again.
_GRACE_S = 6.0
_STOP_S = 9.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-migrate", action="store_true", help="refuse a database at another version, where `serve` would migrate it"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. 1: a port is taken, or the schema is not this program's."""
    log_to_stderr()
    # Blocked before any thread is made, so in all of them: the signal waits for `sigtimedwait`. Python's own handlers
    # run in the main thread alone, which a signal that the kernel hands to another thread does not wake.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    # A bad file ends it now.
    _ = settings.chain_key, settings.database_password, settings.grafana_password, settings.audit_token
    telemetry = Telemetry(settings)
    sink = Sink(settings, telemetry, migrate=not options.no_migrate)
    try:
        sink.start()
        while not sink.failure and not signal.sigtimedwait(_ENDING, _LOOK_S):
            pass
    except OSError as error:
        sink.failure = str(error)
    finally:
        watchdog = threading.Timer(_STOP_S, _give_up)
        watchdog.daemon = True
        watchdog.start()
        sink.stop()
        telemetry.shutdown()
        watchdog.cancel()
    if sink.failure:
        _LOGGER.error(sink.failure)
    return 1 if sink.failure else 0


class Sink:
    """The parts of the process, and the thread that looks after the database."""

    def __init__(self, settings: Settings, telemetry: Telemetry, *, migrate: bool) -> None:
        self._settings, self._telemetry, self._migrate = settings, telemetry, migrate
        self.state = State()
        self.failure: str | None = None
        self._writer = Writer(settings, telemetry.meters)
        self.receiver = Receiver(settings, self._writer, telemetry.meters, self.state.closed)
        self.state.queue = self.receiver.gate.state
        self.health = HealthServer(settings.audit_host, settings.audit_health_port, self.state)
        self._jobs: jobs.Jobs | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._look_again, name="watch", daemon=True)

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
        self._stopping.set()
        self.receiver.stop(_GRACE_S)
        if self._watch.ident:
            self._watch.join(_LOOK_S)
        if self._jobs:
            self._jobs.stop()
            self._writer.stop()
        self.health.stop()
        _LOGGER.info("stopped")

    def _look_again(self) -> None:
        while not self._stopping.is_set():
            self._look()
            self.receiver.serving(self.state.closed() is None)
            self._stopping.wait(_LOOK_S)
        self._hang_up()

    def _look(self) -> None:
        """See whether the database is there; on a new connection, whether its schema is right."""
        try:
            known = self._connection
            connection = self._connection = known or self._connect()
            standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            self._tell("database", "it is a standby: read-only" if standby and standby[0] else OK)
            if not known and self.state.database == OK:
                self._require_schema(connection)
        except (psycopg.OperationalError, DBAPIError) as error:
            self._hang_up()
            self._tell("database", _first_line(error))
        except (database.SchemaError, CommandError) as error:
            self._hang_up()
            self._tell("schema", str(error))
            if not self._jobs:  # a schema that changes later may come back
                self.failure = str(error)

    def _require_schema(self, connection: psycopg.Connection[Any]) -> None:
        if self._migrate and not self._jobs:
            password, grafana = self._settings.database_password, self._settings.grafana_password
            for line in database.migrate(self._settings.database_url, password=password, grafana_password=grafana):
                _LOGGER.info("migrated: %s", line)
        database.require_schema(connection)
        if not self._jobs:
            self._writer.start()
            work = jobs.standard(self._settings, self._telemetry)
            self._jobs = jobs.Jobs(self._settings, self._telemetry.meters, work, lambda: self.state.closed() is None)
            self._jobs.start()
        self._tell("schema", OK)

    def _connect(self) -> psycopg.Connection[Any]:
        password = self._settings.database_password
        return database.connect(self._settings.database_url, name="watch", password=password, autocommit=True)

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _tell(self, part: str, found: str) -> None:
        """Note what was found; a line in the log where it is news."""
        if getattr(self.state, part) != found:
            setattr(self.state, part, found)
            _LOGGER.log(logging.INFO if found == OK else logging.WARNING, "%s: %s", part, found)


def _give_up() -> None:
    _LOGGER.error("not stopped within %g s: ending without what is in flight", _STOP_S)
    os._exit(1)


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return masked(str(original).strip().partition("\n")[0])
