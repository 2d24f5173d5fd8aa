"""The chain of entries, one for each committed record, and its head. See LEDGER.md.

An entry holds an HMAC of the record with its content under its user's own key (keys.py: once that key is deleted, the
entry reveals nothing about the content), and a link: an HMAC of the entry and the previous link under the chain key,
a file outside the database. Entries are appended in one transaction: `locked_head`, `Keys.ensure`, `Chain.entries`,
copy them to ENTRIES, `advance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg

from ..model import clock, copying
from ..model.clock import PG_EPOCH_US
from ..model.records import TABLES, ModelCall, Record, Run, Text, ToolCall
from .keys import Key, Owner, owner
from .proof import link, mac

_SPANS: Final = (Run, ModelCall, ToolCall)


@dataclass(frozen=True)
class Head:
    """The last entry of the chain; `Head(0, b"")` before the first."""

    seq: int
    link: bytes


class Entry(NamedTuple):
    """A row of ledger.entries, times in microseconds since 1970."""

    seq: int
    committed_at: int
    kind: str
    start_time: int
    trace_id: str
    record: str
    key_id: int
    mac: bytes
    link: bytes


def record_id(record: Record) -> str:
    """The record's own id: its span id, or its uid."""
    return record.span_id if isinstance(record, _SPANS) else record.uid


class Chain:
    """Creates the entries. `chain_key` is that of OTELGATE_AUDIT_KEY_FILE."""

    def __init__(self, chain_key: bytes) -> None:
        self.key = chain_key

    def entries(
        self,
        head: Head,
        committed_at: int,
        records: Sequence[tuple[Record, Text | None]],
        keys: Mapping[Owner, Key],
        users: Mapping[str, str] | None = None,
    ) -> tuple[list[Entry], Head]:
        """The records' entries after `head`, and the new head. `keys` has the key of each record's `owner`."""
        made = []
        seq, previous = head.seq, head.link
        for record, text in records:
            kind = TABLES[type(record)]
            key_id, key = keys[owner(record, users)]
            seq += 1
            proof = mac(key, kind, record, text)
            told = (seq, committed_at, kind, record.start_time, record.trace_id or "", record_id(record), key_id, proof)
            previous = link(self.key, previous, told)
            made.append(Entry(*told, previous))
        return made, Head(seq, previous)

    def after(self, head: Head, entries: Sequence[Entry]) -> tuple[list[Entry], Head]:
        """The same entries, numbered and linked after `head`."""
        made = []
        seq, previous = head.seq, head.link
        for entry in entries:
            seq += 1
            numbered = entry._replace(seq=seq)
            previous = link(self.key, previous, numbered)
            made.append(numbered._replace(link=previous))
        return made, Head(seq, previous)


def head(connection: psycopg.Connection[Any]) -> Head:
    """The current head."""
    return _head(connection.execute("SELECT seq, link FROM ledger.head").fetchone())


def lock(cursor: psycopg.Cursor[Any]) -> Head:
    """The head, locked until the transaction ends: appends, deletions and erasures take turns."""
    return _head(cursor.execute("SELECT seq, link FROM ledger.head FOR UPDATE").fetchone())


def locked_head(cursor: psycopg.Cursor[Any], now_us: int) -> tuple[Head, int]:
    """`lock`, and the time of the next entries: now, but never before the last entry's (another sink's clock)."""
    row = cursor.execute("SELECT seq, link, committed_at FROM ledger.head FOR UPDATE").fetchone()
    at = _head(row and row[:2])
    latest = clock.to_us(row[2]) if row and at.seq else 0
    return at, max(now_us, latest)


def advance(cursor: psycopg.Cursor[Any], to: Head, committed_at: int) -> None:
    """Set the head, which the transaction has locked."""
    cursor.execute(
        "UPDATE ledger.head SET seq = %s, link = %s, committed_at = %s",
        [to.seq, to.link, clock.from_us(committed_at)],
    )


def count_head(connection: psycopg.Connection[Any]) -> tuple[Head, int]:
    """The current head, and the number of heads announced so far, which the database stores. The caller commits."""
    row = connection.execute(
        "UPDATE ledger.head SET announced = announced + 1 RETURNING seq, link, announced"
    ).fetchone()
    return _head(row and row[:2]), row[2] if row else 0


def _head(row: tuple[int, bytes] | None) -> Head:
    if row is None:
        raise LookupError("ledger.head is empty: expected one row; the ledger can't be continued")
    return Head(row[0], bytes(row[1]))


def _row(entry: Entry) -> tuple[Any, ...]:
    seq, committed_at, kind, start_time, *rest = entry
    return (seq, committed_at - PG_EPOCH_US, kind, start_time - PG_EPOCH_US, *rest)


ENTRIES: Final = copying.target_for("ledger.entries", Entry, _row)
