"""The ledger: one entry for each committed record, so that a later change of the store shows. See LEDGER.md.

An entry holds an HMAC of the record with its words under its user's own key (ledger.keys: when that key is gone, the
entry tells nothing about what the record said), and a link: an HMAC of the entry and the link before it under the chain
key, a file outside the database. Whoever appends does so in one transaction: `turn`, `Keys.ensure`, `Chain.entries`,
insert them, `advance`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

import psycopg

from ..model.partitions import EPOCH
from ..model.records import TABLES, ModelCall, Record, Run, Text, ToolCall
from .proof import link, mac, sign

__all__ = [
    "HEAD_EVENT",
    "NOBODY",
    "Chain",
    "Entry",
    "Head",
    "Key",
    "Keys",
    "Owner",
    "advance",
    "announce",
    "announced",
    "count_head",
    "head",
    "lock",
    "mac",
    "owner",
    "record_id",
    "turn",
]

Owner = tuple[str, str]
"""Service and user id; the user id is empty for records that belong to nobody."""
Key = tuple[int, bytes]
"""key_id and key of ledger.keys."""

NOBODY: Final = ""
HEAD_EVENT: Final = "otelgate.audit.head"
HEAD_SEQ: Final = "otelgate.audit.head.seq"
HEAD_LINK: Final = "otelgate.audit.head.link"
HEAD_COUNT: Final = "otelgate.audit.head.count"
HEAD_SIGNATURE: Final = "otelgate.audit.head.signature"

_KEY_BYTES: Final = 32
_CACHED_KEYS: Final = 20_000
_SPANS: Final = (Run, ModelCall, ToolCall)
# Letters instead of hexadecimal digits: the gateway masks log events, and no rule takes such a word for a number.
_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS: Final = str.maketrans("abcdefghijklmnop", "0123456789abcdef")


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


def owner(record: Record, users: Mapping[str, str] | None = None) -> Owner:
    """Under whose key it goes: its user's; if it names none, that of its trace's user (`users`: trace id → user id)."""
    user = record.user_id
    if not user and users and record.trace_id:
        user = users.get(record.trace_id)
    return record.service, user or NOBODY


class Keys:
    """The users' keys, made when first needed. Not for several threads."""

    def __init__(self) -> None:
        self._cached: dict[Owner, Key] = {}

    def ensure(self, cursor: psycopg.Cursor[Any], owners: Collection[Owner], now_us: int) -> dict[Owner, Key]:
        """The key of each owner. The caller's transaction holds the lock of ledger.head.

        What is cached is asked for again by its id: an erasure may have deleted a key since, or the transaction
        that made it may not have been committed.
        """
        known = {each: self._cached[each] for each in owners if each in self._cached}
        if not _exist(cursor, [key_id for key_id, _ in known.values()]):
            self.clear()
            known = {}
        wanted = [each for each in dict.fromkeys(owners) if each not in known]
        if wanted:
            found = _read(cursor, wanted)
            new = [each for each in wanted if each not in found]
            if new:
                found |= _make(cursor, new, now_us)
            known |= found
            if len(self._cached) + len(found) > _CACHED_KEYS:
                self.clear()
            self._cached |= found
        return known

    def clear(self) -> None:
        """Forget what is cached: on a new connection, as the database may be another."""
        self._cached.clear()


class Chain:
    """Makes the entries. `chain_key` is that of OTELGATE_AUDIT_KEY_FILE."""

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
    """The head as it is now."""
    return _head(connection.execute("SELECT seq, link FROM ledger.head").fetchone())


def lock(cursor: psycopg.Cursor[Any]) -> Head:
    """The head, locked until the transaction ends: those who append, delete or erase take turns."""
    return _head(cursor.execute("SELECT seq, link FROM ledger.head FOR UPDATE").fetchone())


def turn(cursor: psycopg.Cursor[Any], now_us: int) -> tuple[Head, int]:
    """`lock`, and the time of the entries to come: now, but never before the last entry's (another sink's clock)."""
    row = cursor.execute("SELECT seq, link, committed_at FROM ledger.head FOR UPDATE").fetchone()
    at = _head(row and row[:2])
    latest = round((row[2] - EPOCH) / timedelta(microseconds=1)) if row and at.seq else 0
    return at, max(now_us, latest)


def advance(cursor: psycopg.Cursor[Any], to: Head, committed_at: int) -> None:
    """Set the head, which the transaction has locked."""
    cursor.execute(
        "UPDATE ledger.head SET seq = %s, link = %s, committed_at = %s",
        [to.seq, to.link, EPOCH + timedelta(microseconds=committed_at)],
    )


def count_head(connection: psycopg.Connection[Any]) -> tuple[Head, int]:
    """The head as it is now, and how many were announced with it, which the database keeps. The caller commits."""
    row = connection.execute(
        "UPDATE ledger.head SET announced = announced + 1 RETURNING seq, link, announced"
    ).fetchone()
    return _head(row and row[:2]), row[2] if row else 0


def announce(at: Head, chain_key: bytes, count: int) -> dict[str, str | int]:
    """The attributes of the log event HEAD_EVENT by which a head leaves the database, the `count`-th of all."""
    signature = _letters(_head_signature(at, chain_key, count))
    return {HEAD_SEQ: at.seq, HEAD_LINK: _letters(at.link), HEAD_COUNT: count, HEAD_SIGNATURE: signature}


def announced(
    seq: str, link_letters: str, signature: str, chain_key: bytes, count: str = ""
) -> tuple[Head, int | None] | None:
    """The head of such an event and its count, None if it wasn't this chain's key that signed it.

    Heads of before revision 0003 have no count.
    """
    try:
        at = Head(int(seq), bytes.fromhex(link_letters.translate(_DIGITS)))
        given = bytes.fromhex(signature.translate(_DIGITS))
        number = int(count) if count else None
    except ValueError:
        return None
    return (at, number) if hmac.compare_digest(given, _head_signature(at, chain_key, number)) else None


def _head_signature(at: Head, chain_key: bytes, count: int | None) -> bytes:
    return sign(chain_key, "head", at.seq, at.link.hex(), *(() if count is None else (count,)))


def _letters(value: bytes) -> str:
    return value.hex().translate(_LETTERS)


def _head(row: tuple[int, bytes] | None) -> Head:
    if row is None:
        raise LookupError("ledger.head is empty: expected one row; the ledger can't be continued")
    return Head(row[0], bytes(row[1]))


def _exist(cursor: psycopg.Cursor[Any], key_ids: list[int]) -> bool:
    if not key_ids:
        return True
    row = cursor.execute("SELECT count(*) FROM ledger.keys WHERE key_id = ANY(%s)", [key_ids]).fetchone()
    return row is not None and row[0] == len(key_ids)


def _read(cursor: psycopg.Cursor[Any], owners: Sequence[Owner]) -> dict[Owner, Key]:
    cursor.execute(
        "SELECT service, user_id, key_id, key FROM ledger.keys"
        " JOIN unnest(%s::text[], %s::text[]) AS wanted (service, user_id) USING (service, user_id)",
        [[service for service, _ in owners], [user for _, user in owners]],
    )
    return {(service, user): (key_id, bytes(key)) for service, user, key_id, key in cursor}


def _make(cursor: psycopg.Cursor[Any], owners: Sequence[Owner], now_us: int) -> dict[Owner, Key]:
    cursor.execute(
        "INSERT INTO ledger.keys (service, user_id, key, created_at)"
        " SELECT service, user_id, key, %s"
        " FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS new (service, user_id, key)"
        " RETURNING service, user_id, key_id, key",
        [
            EPOCH + timedelta(microseconds=now_us),
            [service for service, _ in owners],
            [user for _, user in owners],
            [secrets.token_bytes(_KEY_BYTES) for _ in owners],
        ],
    )
    return {(service, user): (key_id, bytes(key)) for service, user, key_id, key in cursor}
