"""The work of one transaction: store new records, and update the rows derived from them.

The caller holds the lock of ledger.head, so the sinks on one database take turns and all reads stay valid until
COMMIT. Nothing here commits or rolls back, except savepoints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

from .. import ledger
from ..ledger import Chain, Head, Keys
from ..model import clock, columns, copying
from ..model.clock import DAY_US
from ..model.records import TABLES, Feedback, ModelCall, Record, Run, Score, Text, ToolCall
from .group import Item, key_of
from .people import Belongs, People
from .turn import Turn, begin, question_hash, question_key
from .turn_rows import TURNS, load, select


@dataclass(slots=True)
class _Trace:
    """A turn during a transaction; `before` is None if it has no row yet."""

    turn: Turn
    before: Belongs | None
    changed: bool = False


@dataclass(slots=True)
class Store:
    """Writes records in the transaction of a cursor."""

    chain: Chain
    keys: Keys = field(default_factory=Keys)

    def add(self, cursor: psycopg.Cursor[Any], head: Head, items: Sequence[Item], now_us: int) -> Head:
        """Store records, none of which is stored yet; returns the ledger's new head, which the caller must set.

        Raises psycopg.errors.UniqueViolation if one of them is stored, psycopg.Error and ValueError otherwise; then
        the caller must roll back the transaction or savepoint.
        """
        _copy(cursor, items)
        traces = self._merge(cursor, items, now_us)
        users = {name: trace.turn.user_id for name, trace in traces.items() if trace.turn.user_id}
        people = People()
        for record, _ in items:
            people.saw(record)
        for trace in traces.values():
            if trace.changed:
                people.moved(trace.before, _belongs(trace.turn), trace.turn.started_at)
        people.write(cursor)
        owners = {ledger.owner(record, users) for record, _ in items}
        keys = self.keys.ensure(cursor, owners, now_us)
        entries, head = self.chain.entries(head, now_us, items, keys, users)
        copying.copy(cursor, ledger.ENTRIES, entries)
        return head

    def _merge(self, cursor: psycopg.Cursor[Any], items: Sequence[Item], now_us: int) -> dict[str, _Trace]:
        """Merge the records into their turns' rows."""
        names = {record.trace_id for record, _ in items if record.trace_id}
        traces = {row.trace_id: _Trace(row, _belongs(row)) for row in load(cursor.connection, names)}
        votes: list[Item] = []
        for record, text in items:
            if isinstance(record, Run | ModelCall | ToolCall):
                trace = traces.get(record.trace_id)
                if trace is None:
                    trace = traces[record.trace_id] = _Trace(begin(record, now_us), None)
                trace.turn.add(record, text)
                trace.changed = True
            else:
                votes.append((record, text))
        for vote in _waiting(cursor.connection, [name for name, trace in traces.items() if trace.before is None]):
            votes.append((vote, None))
        for record, text in votes:
            trace = traces.get(record.trace_id or "")
            if trace and isinstance(record, Feedback | Score):
                trace.turn.add(record, text)
                trace.changed = True
        self._write(cursor, [trace for trace in traces.values() if trace.changed], now_us)
        return traces

    def _write(self, cursor: psycopg.Cursor[Any], traces: Sequence[_Trace], now_us: int) -> None:
        if not traces:
            return
        key = question_key(self.chain.key)
        for trace in traces:
            turn = trace.turn
            turn.updated_at = now_us
            if turn.question is not None:
                turn.question_hash = question_hash(key, turn.question)
        known = [trace.turn.trace_id for trace in traces if trace.before is not None]
        if known:
            cursor.execute("SELECT audit.take_out(%s)", [known])
        copying.copy(cursor, TURNS, (trace.turn for trace in traces))


def stored(connection: psycopg.Connection[Any], kind: type, records: Collection[Record]) -> set[tuple[Any, ...]]:
    """The keys (`key_of`) of the records that are already stored."""
    found: set[tuple[Any, ...]] = set()
    for day in {record.start_time // DAY_US for record in records}:
        same = [record for record in records if record.start_time // DAY_US == day]
        key = [key_of(record) for record in same]
        times = [clock.from_us(record.start_time) for record in same]
        # The bounds let the planner skip all other partitions.
        bounds = [clock.from_us(day * DAY_US), clock.from_us((day + 1) * DAY_US)]
        keys = [[each[at] for each in key] for at in range(2, len(key[0]))]
        rows = columns.cursor(connection).execute(_STORED[kind], [times, *keys, *bounds])
        found.update((kind, *row) for row in rows)
    return found


def _copy(cursor: psycopg.Cursor[Any], items: Iterable[Item]) -> None:
    """Write the records and their content, each table's rows in the order of its key."""
    kinds: dict[type, list[Record]] = {kind: [] for kind in TABLES}
    texts: list[Text] = []
    for record, text in items:
        kinds[type(record)].append(record)
        if text is not None:
            texts.append(text)
    for kind, records in kinds.items():
        if records:
            copying.copy(cursor, copying.TARGETS[kind], records)
    if texts:
        copying.copy(cursor, copying.TEXTS, texts)


def _waiting(connection: psycopg.Connection[Any], names: Sequence[str]) -> Iterable[Feedback | Score]:
    """Votes and scores that arrived before their trace's row, which is created now."""
    if not names:
        return
    for kind in (Feedback, Score):
        for row in columns.cursor(connection).execute(_VOTES[kind], [list(names)]):
            yield kind(*row)


def _belongs(turn: Turn) -> Belongs:
    return turn.service, turn.user_id, turn.session_id


def _stored(kind: type) -> sql.Composed:
    rest = ("trace_id", "span_id") if kind in (Run, ModelCall, ToolCall) else ("uid",)
    names = [sql.Identifier(name) for name in ("start_time", *rest)]
    columns = sql.SQL(", ").join(names)
    arrays = sql.SQL(", ").join([sql.SQL("%s::timestamptz[]"), *[sql.SQL("%s::text[]")] * len(rest)])
    same = sql.SQL(" AND ").join(sql.SQL("there.{0} = given.{0}").format(name) for name in names)
    # LIMIT prevents a join, which without statistics of a new partition would compare every pair.
    return sql.SQL(
        "SELECT given.* FROM unnest({}) AS given ({}) CROSS JOIN LATERAL (SELECT FROM {} AS there"
        " WHERE {} AND there.start_time >= %s AND there.start_time < %s LIMIT 1) AS found"
    ).format(arrays, columns, sql.Identifier(*copying.TARGETS[kind].table.split(".")), same)


_VOTES: Final = {kind: select(copying.TARGETS[kind]) for kind in (Feedback, Score)}
_STORED: Final = {kind: _stored(kind) for kind in TABLES}
