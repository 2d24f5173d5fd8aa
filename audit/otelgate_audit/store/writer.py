"""Writes batches into PostgreSQL: one thread, one connection, one transaction for all waiting batches.

Many threads call `commit`; it returns when the batch is committed. While one transaction runs, the next batches queue
up. A batch may be resent, whole or in part: the database detects the duplicates.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from ..model import clock, database
from ..model.records import Batch
from ..process.telemetry import Meters
from ..settings import Settings, SettingsError
from .group import Group
from .transaction import Outcome, Transactions, kept

_LOGGER = logging.getLogger(__name__)

MAX_RECORDS: Final = 20_000
"""Records in one transaction; a larger batch is committed alone."""
MAX_CHARACTERS: Final = 64_000_000
"""Characters of content in one transaction, likewise."""
_RECONNECT_S: Final = 0.5
# A server that hangs, or another sink that died with the ledger's lock, must not block the gateway forever. All
# look-ups are of a few rows by a key: force that plan, also for a new table without statistics.
_SESSION: Final = """
SET statement_timeout = '60s'; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET enable_material = off; SET enable_bitmapscan = off; SET jit = off;
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
"""


class Unavailable(Exception):
    """The database can't store the batch now; retry later. The text has the reason, without content of records."""


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    since: float
    records: int
    characters: int
    done: threading.Event = field(default_factory=threading.Event)
    failure: str | None = None


class Writer:
    """One per process. `clock_us` gives the time for rows and ledger, microseconds since 1970."""

    def __init__(self, settings: Settings, meters: Meters, clock_us: Callable[[], int] = clock.now_us) -> None:
        """Raises SettingsError if the chain key can't be read."""
        self._settings, self._meters, self._clock_us = settings, meters, clock_us
        self._transactions = Transactions(settings.chain_key, kept(settings.retention_audit, settings.retention_events))
        self._connection: psycopg.Connection[Any] | None = None
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._writing: list[_Waiting] = []
        self._down: str | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        meters.queue_age(self.queue_age)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commit the waiting batches, if the database is available, and stop."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def down(self) -> str | None:
        """The reason why the database can't be written now; None if it can, or if that isn't known yet."""
        return self._down

    def queue_age(self) -> float:
        """Seconds for which the oldest batch has waited for its COMMIT."""
        with self._changed:
            oldest = min((each.since for each in (*self._writing, *self._waiting)), default=None)
        return 0.0 if oldest is None else time.monotonic() - oldest

    def commit(self, batch: Batch, timeout_s: float) -> None:
        """Returns after COMMIT. Raises Unavailable: immediately while there is no database, else after `timeout_s`.

        After a time-out the batch may still be committed; resending it does no harm.
        """
        records, characters = _size(batch)
        if not records:
            return
        waiting = _Waiting(batch, time.monotonic(), records, characters)
        with self._changed:
            if self._down or self._stopping:
                raise Unavailable(self._down or "the sink is stopping")
            self._waiting.append(waiting)
            self._changed.notify_all()
        if not waiting.done.wait(timeout_s):
            with self._changed:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
            if not waiting.done.is_set():
                raise Unavailable(f"not committed within {timeout_s:g} s")
        if waiting.failure:
            raise Unavailable(waiting.failure)

    def _run(self) -> None:
        try:
            while self._step():
                pass
        finally:
            self._fail("the sink is stopping")
            self._disconnect()

    def _step(self) -> bool:
        """Connect, or write one group. False when there is nothing more to do."""
        if self._connection is None and not self._connect():
            with self._changed:
                return not (self._stopping or self._changed.wait_for(lambda: self._stopping, _RECONNECT_S))
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            self._writing = _take(self._waiting)
            del self._waiting[: len(self._writing)]
        if not self._writing:
            return False
        failure = self._write(self._writing)
        for each in self._writing:
            each.failure = failure
            each.done.set()
        self._writing = []
        return True

    def _write(self, waiting: list[_Waiting]) -> str | None:
        """Commit a group; returns the reason for a failure, or None. Retries once on a new connection."""
        for last in (False, True):
            try:
                self._commit(waiting)
                return None
            except Exception as error:
                # Also for a bug in the sink: the gateway keeps the data until it is fixed.
                failure = _reason(error)
                _LOGGER.warning("%d batches could not be committed: %s", len(waiting), failure)
            self._disconnect()
            if last or not self._connect():
                break
        return failure

    def _commit(self, waiting: list[_Waiting]) -> None:
        assert self._connection is not None
        group, now_us = Group(), self._clock_us()
        for each in waiting:
            group.add(each.batch, now_us, self._transactions.kept)
        started = time.perf_counter()
        outcome = self._transactions.commit(self._connection, group, now_us)
        self._meters.write(time.perf_counter() - started)
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        for kind, number in outcome.committed.items():
            self._meters.committed(kind, number)
        for kind, number in outcome.rejected.items():
            self._meters.rejected(kind, number)

    def _connect(self) -> bool:
        connection: psycopg.Connection[Any] | None = None
        try:
            connection = database.connect_writer(self._settings, name="audit", autocommit=True)
            connection.execute(_SESSION)
            database.require_schema(connection)
        except Exception as error:  # also for a bug in the sink: this thread must not end
            if connection is not None:
                connection.close()
            self._fail(_reason(error))
            return False
        self._transactions.forget()
        self._connection = connection
        with self._changed:
            if self._down:
                _LOGGER.info("the database is there again")
            self._down = None
        return True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fail(self, reason: str) -> None:
        """The database is unavailable: fail all waiting and new batches."""
        with self._changed:
            if self._down != reason and not self._stopping:
                _LOGGER.warning("the database is away: %s", reason)
            self._down = reason
            failed, self._waiting = self._waiting, []
        for each in failed:
            each.failure = reason
            each.done.set()


def _take(waiting: list[_Waiting]) -> list[_Waiting]:
    """The first batches, up to the bounds of a transaction; at least one."""
    records = characters = 0
    for number, each in enumerate(waiting):
        records += each.records
        characters += each.characters
        if number and (records > MAX_RECORDS or characters > MAX_CHARACTERS):
            return waiting[:number]
    return waiting[:]


def _size(batch: Batch) -> tuple[int, int]:
    """Records, rejects among them, and characters of words."""
    spans = len(batch.runs) + len(batch.model_calls) + len(batch.tool_calls)
    logs = len(batch.feedback) + len(batch.scores) + len(batch.events)
    words = sum(len(word) for text in batch.texts.values() for word in text[3:] if word)
    words += sum(len(reject.payload) for reject in batch.rejects)
    return spans + logs + len(batch.rejects), words


def _reason(error: BaseException) -> str:
    """The reason for the gateway's log. For a bug in the sink only its type: its text may hold message content."""
    if isinstance(error, psycopg.Error):
        words = error.diag.message_primary or (str(error) if isinstance(error, psycopg.OperationalError) else "")
        return f"database: {' '.join(words.split()) or type(error).__name__}"
    if isinstance(error, SettingsError | database.SchemaError):
        return str(error)
    return f"internal error: {type(error).__name__}"
