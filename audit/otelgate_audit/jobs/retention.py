"""Deletes data older than the retention settings, and records the deletion in the ledger.

It deletes whole days: all data of a day, once the day's end is older than the retention. Partitions are dropped. Other
rows are deleted in batches with one transaction each, so that other sessions wait only briefly. The ledger itself is
dropped by months, once everything that it covers is deleted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import psycopg
from psycopg import sql

from .. import command_line, ledger
from ..ledger import Chain, attest
from ..model import clock, database, partitions
from ..model.clock import DAY_US
from ..model.partitions import Partition
from ..settings import Settings
from . import dropping

_LOGGER = logging.getLogger(__name__)

_SPANS: Final = ("audit.runs", "audit.model_calls", "audit.tool_calls")
_TEXTS: Final = "content.texts"
_EVENTS: Final = "audit.events"
_LEDGER: Final = "ledger.entries"
# table -> its key, and the condition for rows older than the retention
_ROWS: Final = {
    "audit.feedback": (("start_time", "uid"), "start_time < %(before)s"),
    "audit.scores": (("start_time", "uid"), "start_time < %(before)s"),
    "audit.events": (("start_time", "uid"), "start_time < %(before)s"),
    # All its records are as old, so none of them is left.
    "audit.turns": (("trace_id",), "started_at < %(before)s AND ended_at < %(before)s"),
    "content.rejects": (("id",), "arrived_at < %(before)s"),
    "audit.reconciliation": (("quantity", "service", "from_time"), "to_time < %(before)s"),
    "audit.sessions": (("service", "session_id"), "last_seen < %(before)s"),
    "audit.users": (("service", "user_id"), "last_seen < %(before)s"),
    "audit.user_days": (("service", "user_id", "day", "environment", "tier"), "day < %(before)s::date"),
}
_PROVEN: Final = ("audit.feedback", "audit.scores", "audit.events", "audit.turns")
_BATCH: Final = 2_000
# A record starts at most a day after its commit, and product events go by months.
_LEDGER_MARGIN_US: Final = 32 * DAY_US


@dataclass(frozen=True)
class Deleted:
    """Rows deleted from a table; `partition` is empty where they were deleted one by one."""

    table: str
    partition: str
    rows: int


OPTIONS: Final = [
    command_line.flag("--dry-run", text="only tell what would be deleted"),
    command_line.as_json(),
]


def run(settings: Settings, options: SimpleNamespace) -> int:
    """Delete as the keeper does every hour, and print the deleted rows."""
    with database.connect(settings.database_url, name="retention", password=settings.database_password) as connection:
        database.require_schema(connection)
        done = purge(connection, settings, clock.now_us(), dry_run=options.dry_run)
    if options.as_json:
        print(json.dumps([asdict(each) for each in done]))
        return 0
    for each in done:
        print(f"{each.rows:>12}  {each.partition or each.table}")
    total = sum(each.rows for each in done)
    print(f"{total:>12}  rows in all{', nothing deleted (dry run)' if options.dry_run else ''}")
    return 0


def purge(
    connection: psycopg.Connection[Any], settings: Settings, now_us: int, *, dry_run: bool = False
) -> list[Deleted]:
    """Delete data older than the retention at `now_us`; returns the deletions by table and partition.

    Commits. A partition that readers hold stays until the next run, with a line in the log.
    """
    connection.commit()
    purging = _Purge(connection, Chain(settings.chain_key), now_us, dry_run)
    audit_us, events_us = (_cut(now_us, kept) for kept in (settings.retention_audit, settings.retention_events))
    return [each for each in purging.all(audit_us, events_us) if each.rows or each.partition]


@dataclass
class _Purge:
    connection: psycopg.Connection[Any]
    chain: Chain
    now_us: int
    dry_run: bool

    def all(self, audit_us: int, events_us: int) -> Iterator[Deleted]:
        """`audit_us`, `events_us`: data before these times is deleted."""
        longest_us = min(audit_us, events_us)
        for table in _SPANS:
            yield from self._drop_all(table, audit_us)
        yield self._delete("audit.feedback", audit_us)
        yield self._delete("audit.scores", audit_us)
        yield self._delete("audit.turns", audit_us)
        yield from self._events(audit_us, events_us)
        yield from self._texts(audit_us)
        for table in ("content.rejects", "audit.reconciliation", "audit.sessions"):
            yield self._delete(table, audit_us)
        yield self._delete("audit.users", longest_us)
        yield self._delete("audit.user_days", longest_us)
        gone = list(self._drop_all(_LEDGER, longest_us - _LEDGER_MARGIN_US))
        yield from gone
        if gone:
            yield Deleted("ledger.keys", "", self._delete_keys(longest_us - _LEDGER_MARGIN_US))

    def _events(self, audit_us: int, events_us: int) -> Iterator[Deleted]:
        """Product events have their own retention; their content is deleted with them, or earlier."""
        if events_us > audit_us and self._begin(_EVENTS, events_us):
            yield self._delete_event_words(events_us)
        yield from self._drop_all(_EVENTS, events_us)
        yield self._delete(_EVENTS, events_us)

    def _texts(self, audit_us: int) -> Iterator[Deleted]:
        """Content is deleted only after its records; product events stay without content."""
        held = {each.start for table in _SPANS for each in self._old(table, audit_us)}
        for partition in self._old(_TEXTS, audit_us):
            if partition.start in held and not self.dry_run:
                continue
            if not self.dry_run:
                self._attest_events(partition)
            yield from self._drop(partition)

    def _old(self, table: str, before_us: int) -> list[Partition]:
        with self.connection.transaction():
            found = partitions.existing(self.connection, table)
        return [each for each in found if clock.to_us(each.end) <= before_us]

    def _drop_all(self, table: str, before_us: int) -> Iterator[Deleted]:
        for partition in self._old(table, before_us):
            yield from self._drop(partition)

    def _drop(self, partition: Partition) -> Iterator[Deleted]:
        with self.connection.transaction():
            rows = _count(self.connection, sql.SQL("SELECT count(*) FROM {}").format(_name(partition.name)))
        if self.dry_run or dropping.drop(self.connection, self.chain, partition, rows, self.now_us):
            yield Deleted(partition.table, partition.name, rows)

    def _begin(self, table: str, before_us: int) -> bool:
        """Record the deletion in the ledger first, in case it is interrupted. False if there is nothing to do."""
        statement = sql.SQL("SELECT 1 FROM {} WHERE {} LIMIT 1").format(_name(table), sql.SQL(_ROWS[table][1]))
        with self.connection.transaction():
            if self.connection.execute(statement, {"before": clock.parameter(before_us)}).fetchone() is None:
                return False
        if table in _PROVEN and not self.dry_run:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                head, now_us = ledger.locked_head(cursor, self.now_us)
                told = attest.retained(self.chain.key, table, before_us)
                attest.append(self.connection, self.chain, head, [told], now_us)
        return True

    def _delete(self, table: str, before_us: int) -> Deleted:
        if not self._begin(table, before_us):
            return Deleted(table, "", 0)
        key, old = _ROWS[table]
        names = sql.SQL(", ").join(map(sql.Identifier, key))
        parameters = {"before": clock.parameter(before_us), "batch": _BATCH}
        if self.dry_run:
            with self.connection.transaction():
                statement = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(_name(table), sql.SQL(old))
                return Deleted(table, "", _count(self.connection, statement, parameters))
        statement = sql.SQL(
            "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {old} LIMIT %(batch)s)"
        ).format(table=_name(table), key=names, old=sql.SQL(old))
        return Deleted(table, "", self._in_batches(statement, parameters))

    def _in_batches(self, statement: sql.Composed, parameters: Any) -> int:
        deleted = 0
        while True:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                ledger.lock(cursor)  # the sink changes these rows too: taking turns avoids deadlocks
                number = cursor.execute(statement, parameters).rowcount
            deleted += number
            if not number:
                return deleted

    def _delete_event_words(self, before_us: int) -> Deleted:
        """Delete the content of product events that is due before the other content of its days."""
        if self.dry_run:
            return Deleted(_TEXTS, "", 0)
        statement = sql.SQL(
            "DELETE FROM content.texts WHERE (start_time, trace_id, record) IN ("
            " SELECT texts.start_time, texts.trace_id, texts.record FROM content.texts texts JOIN audit.events events"
            " ON (events.start_time, coalesce(events.trace_id, ''), events.uid)"
            " = (texts.start_time, texts.trace_id, texts.record) WHERE texts.start_time < %s LIMIT %s)"
        ).format()
        return Deleted(_TEXTS, "", self._in_batches(statement, [clock.parameter(before_us), _BATCH]))

    def _attest_events(self, partition: Partition) -> None:
        """Re-attest product events without their content before the content is dropped."""
        condition = sql.SQL("found.start_time >= %s AND found.start_time < %s AND words.record IS NOT NULL LIMIT %s")
        while True:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                head, now_us = ledger.locked_head(cursor, self.now_us)
                found = attest.rows(self.connection, "events", condition, [partition.start, partition.end, _BATCH])
                if not found:
                    return
                owners = {ledger.owner(row.record) for row in found}
                keys = ledger.Keys().ensure(cursor, owners, now_us)
                entries = [
                    attest.reattest("retain", row, row.record, keys[ledger.owner(row.record)])
                    for row in found
                    if row.proven
                ]
                attest.append(self.connection, self.chain, head, entries, now_us)
                if len(entries) < len(found):
                    _LOGGER.error("retention: %d product events differ from the ledger", len(found) - len(entries))
                cursor.execute(
                    "DELETE FROM content.texts WHERE start_time >= %s AND start_time < %s"
                    " AND (start_time, trace_id, record) IN ("
                    "SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[]))",
                    [
                        *(partition.start, partition.end, [clock.parameter(row.identity[0]) for row in found]),
                        *([row.identity[at] for row in found] for at in (1, 2)),
                    ],
                )

    def _delete_keys(self, before_us: int) -> int:
        """Delete keys of users without any remaining row or entry."""
        unused = (
            "SELECT key_id FROM ledger.keys WHERE user_id <> '' AND created_at < %s AND NOT EXISTS ("
            " SELECT FROM audit.users WHERE (users.service, users.user_id) = (keys.service, keys.user_id))"
            " AND NOT EXISTS (SELECT FROM ledger.entries WHERE entries.key_id = keys.key_id)"
        )
        with self.connection.transaction():
            seq = ledger.head(self.connection).seq
            found = self.connection.execute(unused, [clock.parameter(before_us)]).fetchall()
        with self.connection.transaction(), self.connection.cursor() as cursor:
            ledger.lock(cursor)
            return cursor.execute(
                "DELETE FROM ledger.keys WHERE key_id = ANY(%s) AND NOT EXISTS ("
                " SELECT FROM ledger.entries WHERE entries.key_id = keys.key_id AND seq > %s)",
                [[key_id for (key_id,) in found], seq],
            ).rowcount


def _cut(now_us: int, kept: timedelta) -> int:
    """The last midnight, UTC, before which everything is deleted."""
    before = now_us - clock.length_us(kept)
    return before - before % DAY_US


def _count(connection: psycopg.Connection[Any], statement: sql.Composed, parameters: Any = None) -> int:
    row = connection.execute(statement, parameters).fetchone()
    return int(row[0]) if row else 0


def _name(qualified: str) -> sql.Identifier:
    return sql.Identifier(*qualified.split("."))
