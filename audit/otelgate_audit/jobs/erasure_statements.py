"""The statements that find and erase a person; erasure.py has their order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import orjson
from psycopg import sql

from ..model import columns

_TELLING: Final = 6
"""Minimum bytes of an id that is searched anywhere in a payload."""


def needles(identity: str) -> Iterator[bytes]:
    """The encodings of an id in a payload: as an OTLP value (AnyValue.string_value), or in the sink's JSON."""
    raw = identity.encode()
    length, size = len(raw), bytearray()
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    yield b"\n" + bytes([*size, length]) + raw
    yield orjson.dumps(identity)
    yield json.dumps(identity).encode()
    # A short id may occur in any text by chance.
    if len(raw) >= _TELLING:
        yield raw


def _anonymise(kind: str) -> sql.Composed:
    record = "span_id" if kind in columns.SPANS else "uid"
    return sql.SQL(
        "UPDATE {table} SET user_id = NULL, session_id = NULL{more}"
        " WHERE start_time BETWEEN %(first)s AND %(last)s"
        " AND (start_time, coalesce(trace_id, ''), {record}) IN ({given})"
    ).format(
        table=sql.Identifier("audit", kind),
        more=sql.SQL(", attributes = '{{}}'").format() if kind == "events" else sql.SQL(""),
        record=sql.Identifier(record),
        given=sql.SQL(_GIVEN),
    )


_GIVEN: Final = "SELECT * FROM unnest(%(starts)s::timestamptz[], %(traces)s::text[], %(records)s::text[])"
ANONYMISE: Final = {kind: _anonymise(kind) for kind in columns.KINDS}
DELETE_WORDS: Final = (
    "DELETE FROM content.texts WHERE start_time BETWEEN %(first)s AND %(last)s"
    f" AND (start_time, trace_id, record) IN ({_GIVEN})"
)
_STORED: Final = [f"audit.{kind}" for kind in columns.KINDS]
IN_SESSIONS: Final = ["audit.sessions", "audit.turns", *_STORED]
NAMING: Final = ["audit.users", "ledger.keys", *IN_SESSIONS]
THEIRS: Final = sql.SQL(
    "found.service = %(service)s"
    " AND (found.user_id = %(user)s OR (found.user_id IS NULL AND found.session_id = ANY(%(sessions)s)))"
)
# A trace may span several services; it is the person's if its turn names them.
OWNED: Final = (
    "SELECT trace_id FROM audit.turns WHERE trace_id = ANY(%(traces)s) AND (user_id = %(user)s"
    " OR (user_id IS NULL AND service = %(service)s AND session_id = ANY(%(sessions)s)))"
)
FIND: Final = sql.SQL(
    "SELECT trace_id FROM ("
    "{} UNION ALL SELECT trace_id, start_time FROM ledger.entries WHERE key_id = %(key)s) AS found"
    " WHERE trace_id <> '' GROUP BY trace_id ORDER BY min(at), trace_id"
).format(
    sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT trace_id, {} AS at FROM {} found WHERE {}").format(
            sql.Identifier("started_at" if table == "audit.turns" else "start_time"),
            sql.Identifier(*table.split(".")),
            THEIRS,
        )
        for table in ["audit.turns", *_STORED]
    )
)
MARKS: Final = ("session", "user", "asked", "replied")
TURN: Final = """
UPDATE audit.turns SET session_id = %(session_id)s, user_id = %(user_id)s, question_hash = %(question_hash)s,
    asked_start = %(asked_start)s, asked_record = %(asked_record)s, replied_start = %(replied_start)s,
    replied_record = %(replied_record)s, state = (state - %(gone)s::text[]) || %(marks)s::jsonb, updated_at = %(now)s
WHERE trace_id = %(trace)s
"""
REJECTS: Final = """
UPDATE content.rejects SET payload = '', reason = 'erased'
WHERE reason <> 'erased' AND (trace_id = ANY(%(traces)s) OR EXISTS (
    SELECT FROM unnest(%(needles)s::bytea[]) AS needle WHERE position(needle IN payload) > 0))
"""
