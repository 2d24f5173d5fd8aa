"""Entries of the keeper's jobs: deletions by retention, and records re-attested after an erasure.

A record is re-attested only if it matches its last entry; otherwise we would certify tampered data. It then stays a
finding of `verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from ..model import clock, columns, copying, partitions
from ..model.records import Record
from . import proof
from .chain import ENTRIES, Chain, Entry, Head, advance
from .keys import Key

RETAIN: Final = "retain"
_WORDS: Final = 3

Identity = tuple[int, str, str]
"""start_time, trace_id (empty without one), record: identify a record in the ledger and in content.texts."""


class Row(NamedTuple):
    """A stored record with its content, whether it matches its last entry, and that entry's key."""

    kind: str
    identity: Identity
    record: Record
    words: tuple[str | None, ...]
    proven: bool
    key_id: int | None


def rows(connection: psycopg.Connection[Any], kind: str, condition: sql.Composable, parameters: Any) -> list[Row]:
    """The records of a table, `found`, under a condition on its columns; it should bound found.start_time."""
    cursor = columns.cursor(connection)
    statement = sql.SQL(
        "SELECT {identity}, {fields}, words.input, words.output, words.error_message FROM {table} found"
        " LEFT JOIN content.texts words ON (words.start_time, words.trace_id, words.record) = ({identity})"
        " WHERE {condition}"
    ).format(
        identity=columns.identity(kind, "found"),
        fields=columns.fields(kind, "found"),
        table=sql.Identifier("audit", kind),
        condition=condition,
    )
    found = cursor.execute(statement, parameters).fetchall()
    attested = _attested(connection, kind, [row[:3] for row in found])
    made = []
    for row in found:
        identity, fields, words = row[:3], row[3:-_WORDS], row[-_WORDS:]
        key_id, key, mac = attested.get(identity, (None, None, b""))
        proven = key is not None and proof.digest(key, proof.encode(kind, columns.settle(kind, fields), words)) == mac
        made.append(Row(kind, identity, columns.record(kind, fields), words, proven, key_id))
    return made


def reattest(reason: str, row: Row, record: Record, key: Key, text: Sequence[str | None] = (None,) * _WORDS) -> Entry:
    """An entry, still without number, link and time, for a record's new content; `reason` is erase or retain."""
    key_id, secret = key
    mac = proof.digest(secret, proof.encode(row.kind, record, text))
    return Entry(0, 0, f"{reason}.{row.kind}", *row.identity, key_id, mac, b"")


def retained(chain_key: bytes, table: str, before_us: int, partition: str = "", signature: bytes = b"") -> Entry:
    """An entry for the deletion of a table's rows that start before a time; with a partition, its signed head."""
    return Entry(0, 0, RETAIN, before_us, table, partition, 0, signature or proof.sign(chain_key, RETAIN, table), b"")


def append(
    connection: psycopg.Connection[Any], chain: Chain, head: Head, entries: Iterable[Entry], committed_at: int
) -> Head:
    """Number, link and store entries after the head, which the transaction has locked; move the head."""
    made, new = chain.after(head, [entry._replace(committed_at=committed_at) for entry in entries])
    if made:
        partitions.create(connection, [partitions.covering("ledger.entries", committed_at)])
        with connection.cursor() as cursor:
            copying.copy(cursor, ENTRIES, made)
            advance(cursor, new, committed_at)
    return new


def _attested(
    connection: psycopg.Connection[Any], kind: str, identities: Sequence[Identity]
) -> dict[Identity, tuple[int, bytes | None, bytes]]:
    """The key, None if it is gone, and the MAC of the last entry about each record."""
    if not identities:
        return {}
    starts = [start for start, _, _ in identities]
    cursor = columns.cursor(connection)
    cursor.execute(
        "SELECT DISTINCT ON (start_time, trace_id, record) start_time, trace_id, record, key_id, key, mac"
        " FROM ledger.entries LEFT JOIN ledger.keys USING (key_id)"
        " WHERE kind = ANY(%s) AND start_time >= %s::timestamptz AND start_time <= %s::timestamptz"
        " AND (start_time, trace_id, record) IN (SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[]))"
        " ORDER BY start_time, trace_id, record, seq DESC",
        [
            [kind, f"erase.{kind}", f"retain.{kind}"],
            *(clock.parameter(min(starts)), clock.parameter(max(starts)), [clock.parameter(start) for start in starts]),
            *([trace_id for _, trace_id, _ in identities], [record for _, _, record in identities]),
        ],
    )
    return {(start, trace_id, record): (key_id, key, mac) for start, trace_id, record, key_id, key, mac in cursor}
