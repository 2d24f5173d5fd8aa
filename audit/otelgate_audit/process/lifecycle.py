"""The life cycle of the audit's processes, from start to SIGTERM: signals, and the thread that polls the database.

Each process listens immediately, and works once the database is available at this program's schema version. On SIGTERM
or SIGINT it finishes the work in flight, and exits with 0.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol

import psycopg
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from ..kinds import masked
from ..model import database
from .health import OK, State
from .telemetry import Telemetry, log_to_stderr

_LOGGER = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_LOOK_S = 2.0
# Less than the ten seconds after which supervisord and Docker kill: a database that hangs must not keep the process
# alive. The gateway resends everything that was not answered with OK.
_STOP_S = 9.0

Connection = psycopg.Connection[Any]


class Part(Protocol):
    """The work of a process. `start` raises OSError if a port is in use; `failure` ends the process."""

    failure: str | None

    def start(self) -> None: ...

    def stop(self) -> None: ...


def run(make_telemetry: Callable[[], Telemetry], make: Callable[[Telemetry], Part]) -> int:
    """Run until SIGTERM or SIGINT. 1: a port is in use, or the part failed for good."""
    log_to_stderr()
    # Blocked before any thread starts, so in all of them: the signal waits for `sigtimedwait`. Python's own handlers
    # run in the main thread alone, which a signal that the kernel hands to another thread does not wake.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    telemetry = make_telemetry()
    part = make(telemetry)
    try:
        part.start()
        while not part.failure and not signal.sigtimedwait(_ENDING, _LOOK_S):
            pass
    except OSError as error:
        part.failure = str(error)
    finally:
        watchdog = threading.Timer(_STOP_S, _force_exit)
        watchdog.daemon = True
        watchdog.start()
        part.stop()
        telemetry.shutdown()
        watchdog.cancel()
    if part.failure:
        _LOGGER.error(part.failure)
    return 1 if part.failure else 0


class Watch:
    """A thread that polls the database every 2 s, and sets the result in `state`.

    `check(connection)` is called on each new connection; it raises SchemaError if the schema has another version.
    `looked()` is called after each poll, `refused(why)` for each SchemaError. `worded(said)` may extend the database's
    error text when it refuses the connection.
    """

    def __init__(
        self,
        state: State,
        connect: Callable[[], Connection],
        check: Callable[[Connection], None],
        *,
        looked: Callable[[], None] = lambda: None,
        refused: Callable[[str], None] = lambda why: None,
        worded: Callable[[str], str] = lambda said: said,
    ) -> None:
        self._state, self._connect, self._check = state, connect, check
        self._looked, self._refused, self._worded = looked, refused, worded
        self._connection: Connection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll_database, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def join(self) -> None:
        """After `stop`: wait for its last poll, a few seconds at most."""
        if self._thread.ident:
            self._thread.join(_LOOK_S)

    def _poll_database(self) -> None:
        while not self._stopping.is_set():
            self._poll_once()
            self._looked()
            self._stopping.wait(_LOOK_S)
        self._close_connection()

    def _poll_once(self) -> None:
        """Check whether the database is available; on a new connection, also check its schema."""
        try:
            known = self._connection
            connection = self._connection = known or self._connect()
            standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            self._set_state("database", "it is a standby: read-only" if standby and standby[0] else OK)
            if not known and self._state.database == OK:
                self._check(connection)
                self._set_state("schema", OK)
        except (psycopg.OperationalError, DBAPIError) as error:
            self._close_connection()
            self._set_state("database", self._worded(_first_line(error)))
        except (database.SchemaError, CommandError) as error:
            self._close_connection()
            self._set_state("schema", str(error))
            self._refused(str(error))
        except psycopg.Error as error:  # such as a schema without its grants yet
            self._close_connection()
            self._set_state("schema", _first_line(error))

    def _close_connection(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _set_state(self, part: str, found: str) -> None:
        """Set the result; log a line if it changed."""
        if getattr(self._state, part) != found:
            setattr(self._state, part, found)
            _LOGGER.log(logging.INFO if found == OK else logging.WARNING, "%s: %s", part, found)


def _force_exit() -> None:
    _LOGGER.error("not stopped within %g s: ending without what is in flight", _STOP_S)
    os._exit(1)


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return masked(str(original).strip().partition("\n")[0])
