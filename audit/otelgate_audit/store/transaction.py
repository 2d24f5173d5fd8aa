"""One transaction: the records of a group with all rows derived from them, and COMMIT.

Records are inserted optimistically, since nearly always all are new. If the database reports a duplicate key, or a
value that it can't store, the transaction is retried with deduplication: stored records are left out, and records that
can't be stored are found by bisection and become rejects. Only the database decides which records are new.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg

from .. import ledger
from ..ledger import Chain, Head
from ..model import clock, partitions
from ..model.clock import DAY_US
from ..model.copying import usd
from ..model.records import TABLES, Event, Text
from .group import Group, Item, counts, plain
from .insert import Store, stored

_LOGGER = logging.getLogger(__name__)

# The record's fault and not the server's: a retry would fail again. An index entry has at most a third of a page
# (ProgramLimitExceeded); the exceptions outside psycopg are the driver's for values that it can't send.
_UNFIT: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    ValueError,
    TypeError,
    OverflowError,
)


@dataclass(frozen=True)
class Outcome:
    """Counts of new and of rejected records, by table."""

    committed: Counter[str]
    rejected: Counter[str]


class Transactions:
    """Runs transactions. `kept`: the retention of each record's table; for Text, of the content."""

    def __init__(self, chain_key: bytes, kept: dict[type, timedelta]) -> None:
        self.kept = kept
        self._store = Store(Chain(chain_key))
        self._known: set[tuple[str, int]] = set()
        # Duplicates come in bursts: after a restart the gateway resends everything that was not answered.
        self._careful = False
        self._mistake: Exception | None = None

    def forget(self) -> None:
        """Clear the caches, on a new connection: it may be another database."""
        self._known.clear()
        self._store.keys.clear()

    def commit(self, connection: psycopg.Connection[Any], group: Group, now_us: int) -> Outcome:
        """Returns after COMMIT. Raises psycopg.Error if the database can't store the group now."""
        items = list(group.items.values())
        self._make_partitions(connection, items, now_us)
        if not self._careful:
            try:
                return self._commit(connection, group, items, now_us)
            except Exception as error:
                if isinstance(error, psycopg.Error) and not isinstance(error, _UNFIT):
                    raise
                _LOGGER.debug("once more, with care: %s", type(error).__name__)
                self._known.clear()  # retention may have dropped one
                self._make_partitions(connection, items, now_us)
        return self._commit_deduplicated(connection, group, items, now_us)

    def _commit(self, connection: psycopg.Connection[Any], group: Group, items: Sequence[Item], now_us: int) -> Outcome:
        with connection.transaction(), connection.cursor() as cursor:
            head, at_us = ledger.locked_head(cursor, now_us)
            if items:
                head = self._store.add(cursor, head, items, at_us)
                ledger.advance(cursor, head, at_us)
            _write_rejects(cursor, group, now_us)
        return Outcome(counts(items), Counter(kind for kind, _ in group.rejects))

    def _commit_deduplicated(
        self, connection: psycopg.Connection[Any], group: Group, items: Sequence[Item], now_us: int
    ) -> Outcome:
        refused = len(group.rejects)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                head, at_us = ledger.locked_head(cursor, now_us)
                new = _new(connection, group)
                self._careful = len(new) < len(items)
                before, self._mistake = head, None
                head, taken = self._halve(connection, cursor, head, new, group, at_us)
                if head != before:
                    ledger.advance(cursor, head, at_us)
                elif self._mistake:
                    raise self._mistake  # no record could be stored: not a record's fault, but the program's
                _write_rejects(cursor, group, now_us)
        except BaseException:
            del group.rejects[refused:]  # the group may be tried again
            raise
        return Outcome(taken, Counter(kind for kind, _ in group.rejects))

    def _halve(
        self,
        connection: psycopg.Connection[Any],
        cursor: psycopg.Cursor[Any],
        head: Head,
        items: Sequence[Item],
        group: Group,
        now_us: int,
    ) -> tuple[Head, Counter[str]]:
        """Store the records that the database accepts; the rest become rejects."""
        if not items:
            return head, Counter()
        try:
            with connection.transaction():
                return self._store.add(cursor, head, items, now_us), counts(items)
        except psycopg.errors.CheckViolation:
            raise  # a partition is missing: no record's fault
        except Exception as error:
            if isinstance(error, psycopg.Error) and not isinstance(error, _UNFIT):
                raise
            if len(items) == 1:
                if not isinstance(error, _UNFIT):
                    self._mistake = error
                group.reject(items[0], _words(error))
                return head, Counter()
        middle = len(items) // 2
        head, first = self._halve(connection, cursor, head, items[:middle], group, now_us)
        head, second = self._halve(connection, cursor, head, items[middle:], group, now_us)
        return head, first + second

    def _make_partitions(self, connection: psycopg.Connection[Any], items: Sequence[Item], now_us: int) -> None:
        """Create the records' partitions, in a separate transaction: they stay if the records' is rolled back."""
        wanted: set[tuple[str, int]] = set()
        for record, text in items:
            day = record.start_time // DAY_US
            wanted.add((TABLES[type(record)], day))
            if text is not None:
                wanted.add(("texts", day))
        if wanted:
            today = now_us // DAY_US
            wanted |= {("entries", today), ("entries", today + 1)}  # another sink's clock may be ahead
        missing = wanted - self._known
        tables = {name.split(".")[1]: name for name in (*partitions.DAILY, *partitions.MONTHLY)}
        if missing:
            with connection.transaction():
                partitions.create(
                    connection,
                    [partitions.covering(tables[table], day * DAY_US) for table, day in missing if table in tables],
                )
            self._known |= missing


def _new(connection: psycopg.Connection[Any], group: Group) -> list[Item]:
    kinds: dict[type, list[Any]] = {}
    for record, _ in group.items.values():
        kinds.setdefault(type(record), []).append(record)
    there = set().union(*(stored(connection, kind, records) for kind, records in kinds.items()))
    return [item for key, item in group.items.items() if key not in there]


def _write_rejects(cursor: psycopg.Cursor[Any], group: Group, now_us: int) -> None:
    if not group.rejects:
        return
    cursor.executemany(
        "INSERT INTO content.rejects (arrived_at, signal, service, trace_id, record, run, reason, size, payload, call,"
        " cost_usd, received_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                *(clock.from_us(now_us), *(plain(each) if isinstance(each, str) else each for each in reject[:-2])),
                None if reject.cost_pico is None else usd(reject.cost_pico),
                None if reject.received_at is None else clock.from_us(reject.received_at),
            )
            for _, reject in group.rejects
        ],
    )


def _words(error: Exception) -> str:
    """The database's error text, or the driver's if there is none; for a bug in the sink, its type."""
    if not isinstance(error, _UNFIT):
        return f"internal error: {type(error).__name__}"
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or str(error) or type(error).__name__


def kept(audit: timedelta, events: timedelta) -> dict[type, timedelta]:
    """The retention of each record's table, from the two settings."""
    return {**dict.fromkeys((*TABLES, Text), audit), Event: events}
