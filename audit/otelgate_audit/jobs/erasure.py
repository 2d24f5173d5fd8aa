"""Erases the data that the store holds about a person; forget.py defines which data.

It processes some traces at a time, in one transaction each. Their records lose the ids and the content and are
re-attested, and their turns are rebuilt from them. If it is killed, the next run does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psycopg
from psycopg import sql

from .. import ledger
from ..ledger import Chain, Head, attest
from ..ledger.attest import Row
from ..model import clock, columns
from ..model.records import Event, Record
from ..store.turn import Turn, question_hash, question_key, rebuild
from ..store.turn_rows import records_of
from . import erasure_statements as statements

_TRACES: Final = 200
"""Traces in one transaction."""
_RECORDS: Final = 2_000
"""Records without a trace in one transaction."""
_ROUNDS: Final = 20


class StillWriting(RuntimeError):
    """The person's records arrive faster than they are erased."""


@dataclass
class Erased:
    """The result for one service."""

    service: str
    traces: int = 0
    records: int = 0
    texts: int = 0
    sessions: int = 0
    rejects: int = 0
    unproven: list[str] = field(default_factory=list)
    """Records that differed from the ledger: erased, but not re-attested."""


class Erasure:
    """The erasure of one user of one service. The connection is in no transaction; `run` commits."""

    def __init__(self, connection: psycopg.Connection[Any], chain: Chain, service: str, user_id: str) -> None:
        self._connection, self._chain = connection, chain
        self._service, self._user = service, user_id
        self._sessions: list[str] = []
        self._key: int | None = None
        self._done: set[str] = set()
        self.erased = Erased(service)

    def traces(self) -> list[str]:
        """The traces with data of the person, oldest first. Reads the whole tables."""
        with self._connection.transaction():
            who = [self._service, self._user]
            self._sessions = self._column(
                "SELECT session_id FROM audit.sessions WHERE (service, user_id) = (%s, %s)", who
            )
            keys = self._column("SELECT key_id FROM ledger.keys WHERE (service, user_id) = (%s, %s)", who)
            self._key = keys[0] if keys else None
            return self._column(statements.FIND, self._parameters())

    def run(self, now_us: int, progress: Callable[[int], object] = lambda number: None) -> Erased:
        """Erase all; calls `progress` with the number of traces done. Raises StillWriting."""
        for _ in range(_ROUNDS):
            with self._connection.transaction():
                seen = ledger.head(self._connection).seq
            traces = self.traces()
            owned = self._owned(traces)
            self._rejects(owned)
            for kind in columns.EVENTS:
                found = self._log_records(kind, traces)
                for at in range(0, len(found), _RECORDS):
                    self._log_batch(kind, found[at : at + _RECORDS], owned, now_us)
            for at in range(0, len(traces), _TRACES):
                batch = traces[at : at + _TRACES]
                self._trace_batch(batch, now_us)
                progress(len(batch))
            if self._finish(seen, now_us):
                return self.erased
        raise StillWriting(f"{self._service}: new records of the person kept coming; run it again")

    def _owned(self, traces: Sequence[str]) -> set[str]:
        """The traces, among these, whose turn is the person's."""
        with self._connection.transaction():
            return set(self._column(statements.OWNED, self._parameters(traces)))

    def _log_records(self, kind: str, traces: Sequence[str]) -> list[tuple[Any, str]]:
        """Time and uid of the person's votes, scores or events, and of those without a user in these traces."""
        statement = sql.SQL(
            "SELECT start_time, uid FROM {} found"
            " WHERE ({}) OR (found.user_id IS NULL AND found.trace_id = ANY(%(traces)s)) ORDER BY 1, 2"
        ).format(sql.Identifier("audit", kind), statements.THEIRS)
        with self._connection.transaction():
            return self._connection.execute(statement, self._parameters(traces)).fetchall()

    def _log_batch(self, kind: str, found: Sequence[tuple[Any, str]], owned: set[str], now_us: int) -> None:
        condition = sql.SQL(
            "found.start_time BETWEEN %(first)s AND %(last)s"
            " AND (found.start_time, found.uid) IN (SELECT * FROM unnest(%(starts)s::timestamptz[], %(uids)s::text[]))"
        ).format()
        starts = [start for start, _ in found]
        given = {"first": starts[0], "last": starts[-1], "starts": starts, "uids": [uid for _, uid in found]}
        with self._connection.transaction(), self._connection.cursor() as cursor:
            head, now_us = ledger.locked_head(cursor, now_us)
            self._erase(cursor, head, attest.rows(self._connection, kind, condition, given), owned, now_us)

    def _trace_batch(self, traces: Sequence[str], now_us: int) -> None:
        condition = sql.SQL("found.trace_id = ANY(%(traces)s)").format()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            head, now_us = ledger.locked_head(cursor, now_us)
            owned, given = self._owned(traces), self._parameters(traces)
            rows = [row for kind in columns.SPANS for row in attest.rows(self._connection, kind, condition, given)]
            touched = owned | self._erase(cursor, head, rows, owned, now_us)
            self._turns(cursor, sorted(touched), now_us)
        self._done |= touched
        self.erased.traces = len(self._done)

    def _erase(
        self, cursor: psycopg.Cursor[Any], head: Head, found: Sequence[Row], owned: set[str], now_us: int
    ) -> set[str]:
        """Make the person's records among these anonymous; returns their traces."""
        rows = [row for row in found if self._belongs_to_person(row, owned)]
        self._anonymise(cursor, rows)
        keys = ledger.Keys().ensure(cursor, {(row.record.service, ledger.NO_USER) for row in rows}, now_us)
        entries = [
            attest.reattest("erase", row, _anonymous(row.record), keys[row.record.service, ledger.NO_USER])
            for row in rows
            if row.proven
        ]
        attest.append(self._connection, self._chain, head, entries, now_us)
        self.erased.records += len(rows)
        self.erased.unproven += [f"audit.{row.kind} {row.identity[2]}" for row in rows if not row.proven]
        return {row.record.trace_id for row in rows if row.record.trace_id}

    def _belongs_to_person(self, row: Row, owned: set[str]) -> bool:
        """Whether a record is the person's: it names them, or names no user and belongs to their session or trace."""
        record = row.record
        if record.user_id is not None:
            return record.user_id == self._user
        session = record.session_id in self._sessions and record.service == self._service
        return session or record.trace_id in owned or (row.key_id is not None and row.key_id == self._key)

    def _anonymise(self, cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> None:
        """Remove ids and content."""
        for kind in columns.KINDS:
            found = [row.identity for row in rows if row.kind == kind]
            if not found:
                continue
            starts = [start for start, _, _ in found]
            given = {
                "first": clock.parameter(min(starts)),
                "last": clock.parameter(max(starts)),
                "starts": [clock.parameter(start) for start in starts],
                "traces": [trace for _, trace, _ in found],
                "records": [record for _, _, record in found],
            }
            cursor.execute(statements.ANONYMISE[kind], given)
            self.erased.texts += cursor.execute(statements.DELETE_WORDS, given).rowcount

    def _turns(self, cursor: psycopg.Cursor[Any], traces: Sequence[str], now_us: int) -> None:
        """Rebuild the columns that depend on ids and content; totals stay unchanged."""
        records = records_of(self._connection, traces) if traces else {}
        for trace in traces:
            values: dict[str, Any] = {"trace": trace, "now": clock.parameter(now_us)}
            try:
                made = rebuild(records.get(trace, []), now_us)
            except ValueError:  # retention left no span of it
                made = Turn(trace, 0, 0, 0, 0)
            if made.question is not None:
                made.question_hash = question_hash(question_key(self._chain.key), made.question)
            for name in ("session_id", "user_id", "question_hash", "asked_record", "replied_record"):
                values[name] = getattr(made, name)
            for name in ("asked_start", "replied_start"):
                at = getattr(made, name)
                values[name] = None if at is None else clock.parameter(at)
            marks = {name: made.state[name] for name in statements.MARKS if name in made.state}
            cursor.execute(
                statements.TURN,
                {**values, "marks": orjson.dumps(marks).decode(), "gone": list(statements.MARKS)},
            )

    def _rejects(self, owned: set[str]) -> None:
        """Erase rejects: those of the person's own traces, and those whose payload names them."""
        needles = [needle for each in (self._user, *self._sessions) for needle in statements.needles(each)]
        with self._connection.transaction():
            found = self._connection.execute(statements.REJECTS, {"traces": list(owned), "needles": needles})
            self.erased.rejects += found.rowcount

    def _finish(self, seen: int, now_us: int) -> bool:
        """Delete person, sessions and key, and record the erasure; False if new records of theirs arrived meanwhile."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            _, now_us = ledger.locked_head(cursor, now_us)
            more = "SELECT 1 FROM ledger.entries WHERE key_id = %s AND seq > %s LIMIT 1"
            if cursor.execute(more, [self._key, seen]).fetchone():
                return False
            who = [self._service, self._user]
            for table in ("audit.sessions", "audit.users", "ledger.keys"):
                statement = sql.SQL("DELETE FROM {} WHERE (service, user_id) = (%s, %s)")
                cursor.execute(statement.format(sql.Identifier(*table.split("."))), who)
                if table == "audit.sessions":
                    self.erased.sessions = cursor.rowcount
            cursor.execute(
                "INSERT INTO audit.erasures (done_at, services, records, traces) VALUES (%s, %s, %s, %s)",
                [clock.from_us(now_us), [self._service], self.erased.records, self.erased.traces],
            )
        return True

    def _parameters(self, traces: Sequence[str] = ()) -> dict[str, Any]:
        who = {"service": self._service, "user": self._user, "sessions": self._sessions, "key": self._key}
        return {**who, "traces": list(traces)}

    def _column(self, statement: Any, parameters: Any) -> list[Any]:
        return [row[0] for row in self._connection.execute(statement, parameters)]


def _anonymous(record: Record) -> Record:
    if isinstance(record, Event):
        return record._replace(user_id=None, session_id=None, attributes="{}")
    return record._replace(user_id=None, session_id=None)
