"""The users' keys, under which entries attest their records: created on first use, deleted by erasure."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import psycopg

from ..model import clock
from ..model.records import Record

Owner = tuple[str, str]
"""Service and user id; the user id is empty for records without a user."""
Key = tuple[int, bytes]
"""key_id and key of ledger.keys."""

NO_USER: Final = ""

_KEY_BYTES: Final = 32
_CACHED_KEYS: Final = 20_000


def owner(record: Record, users: Mapping[str, str] | None = None) -> Owner:
    """The owner of a record's key: its user, or its trace's user if it names none (`users`: trace id → user id)."""
    user = record.user_id
    if not user and users and record.trace_id:
        user = users.get(record.trace_id)
    return record.service, user or NO_USER


class Keys:
    """The users' keys, created on first use. Not thread-safe."""

    def __init__(self) -> None:
        self._cached: dict[Owner, Key] = {}

    def ensure(self, cursor: psycopg.Cursor[Any], owners: Collection[Owner], now_us: int) -> dict[Owner, Key]:
        """The key of each owner. The caller's transaction holds the lock of ledger.head.

        Cached keys are looked up again by id: an erasure may have deleted a key since, or the transaction that
        created it may not have been committed.
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
        """Clear the cache: on a new connection, as it may be another database."""
        self._cached.clear()


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
            clock.from_us(now_us),
            [service for service, _ in owners],
            [user for _, user in owners],
            [secrets.token_bytes(_KEY_BYTES) for _ in owners],
        ],
    )
    return {(service, user): (key_id, bytes(key)) for service, user, key_id, key in cursor}
