"""Rows into tables by binary COPY, the least work for both sides.

A binary COPY takes what has the right length, so a timestamp goes as the 64-bit number of microseconds since 2000 that
it is to PostgreSQL, and jsonb and text[] as bytes in the server's own form.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, Final

import orjson
import psycopg
from psycopg import sql
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from ..ledger.chain import Entry
from ..store.conversation import Conversation
from .partitions import EPOCH
from .records import Event, Feedback, ModelCall, Run, Score, Text, ToolCall

PG_EPOCH_US: Final = int((datetime(2000, 1, 1, tzinfo=UTC) - EPOCH) / timedelta(microseconds=1))
"""PostgreSQL counts from 2000-01-01."""

_EXACT: Final = Context(prec=400)
_TYPES: Final = {"int": "int8", "str": "text", "float": "float8", "bytes": "bytea", "bool": "bool"}
_JSONB_VERSION: Final = b"\x01"
_TEXT_OID: Final = 25


@dataclass(frozen=True)
class Target:
    """A table with the columns that are written, the types as they go, and a record as its row."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    row: Callable[[Any], tuple[Any, ...]]

    @property
    def statement(self) -> sql.Composed:
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(*self.table.split(".")), sql.SQL(", ").join(map(sql.Identifier, self.columns))
        )


def copy(cursor: psycopg.Cursor[Any], target: Target, records: Iterable[Any]) -> None:
    """Append the records to the target's table."""
    row = target.row
    with cursor.copy(target.statement) as writing:
        writing.set_types(target.types)
        write = writing.write_row
        for record in records:
            write(row(record))


def reading(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor for binary results that gives timestamps as microseconds since 1970."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("timestamptz", _Micros)
    set_json_loads(orjson.loads, cursor)
    return cursor


def moment(time_us: int) -> datetime:
    """Microseconds since 1970 as a parameter of a statement."""
    return EPOCH + timedelta(microseconds=time_us)


def usd(pico: int) -> Decimal:
    """Pico-dollars as the dollars of a numeric column, exactly."""
    return Decimal(pico).scaleb(-12, _EXACT)


def pico(amount: Decimal) -> int:
    """The dollars of a numeric column as pico-dollars."""
    return int(amount.scaleb(12, _EXACT))


@lru_cache(4096)
def text_array(words: tuple[str, ...]) -> bytes:
    """A text[] in the server's binary form."""
    if not words:
        return struct.pack(">iii", 0, 0, _TEXT_OID)
    parts = [struct.pack(">iiiii", 1, 0, _TEXT_OID, len(words), 1)]
    for word in words:
        raw = word.encode()
        parts += (struct.pack(">i", len(raw)), raw)
    return b"".join(parts)


class _Micros(Loader):
    format = Format.BINARY

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._unpack = struct.Struct(">q").unpack

    def load(self, data: Buffer) -> int:
        return int(self._unpack(data)[0]) + PG_EPOCH_US


def _time_first(record: tuple[Any, ...]) -> tuple[Any, ...]:
    return (record[0] - PG_EPOCH_US, *record[1:])


def _run(run: Run) -> tuple[Any, ...]:
    return (run[0] - PG_EPOCH_US, *run[1:-1], run[-1] - PG_EPOCH_US)


def _model_call(call: ModelCall) -> tuple[Any, ...]:
    cost = None if call.cost_pico is None else usd(call.cost_pico)
    received = None if call.received_at is None else call.received_at - PG_EPOCH_US
    return (call[0] - PG_EPOCH_US, *call[1:_COST], cost, *call[_COST + 1 : -1], received)


def _feedback(vote: Feedback) -> tuple[Any, ...]:
    if vote.score is not None and not 0 <= vote.score <= 32767:
        raise ValueError(f"score {vote.score}: expected a smallint")  # the driver would cut it to 16 bits
    return _time_first(vote)


def _event(event: Event) -> tuple[Any, ...]:
    return (event[0] - PG_EPOCH_US, *event[1:-1], _JSONB_VERSION + event.attributes.encode())


def _entry(entry: Entry) -> tuple[Any, ...]:
    seq, committed_at, kind, start_time, *rest = entry
    return (seq, committed_at - PG_EPOCH_US, kind, start_time - PG_EPOCH_US, *rest)


def _conversation(c: Conversation) -> tuple[Any, ...]:
    return (
        *(c.trace_id, c.started_at - PG_EPOCH_US, c.ended_at - PG_EPOCH_US),
        *(c.arrived_at - PG_EPOCH_US, c.updated_at - PG_EPOCH_US, c.service, c.environment, c.agent),
        *(text_array(tuple(c.route)), c.session_id, c.user_id, c.tier, c.feature),
        *(c.status, c.cancelled, c.error_type, c.latency_us, c.ttft_us),
        *(c.runs, c.model_calls, c.tool_calls, c.tool_errors),
        *(c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_creation_tokens, c.reasoning_tokens),
        *(usd(c.cost_pico), c.unpriced_calls, c.price_version, text_array(tuple(c.models))),
        *(c.confidence, c.relevance, c.rating, c.rating_score, c.question_hash),
        *(None if c.asked_start is None else c.asked_start - PG_EPOCH_US, c.asked_record),
        *(None if c.replied_start is None else c.replied_start - PG_EPOCH_US, c.replied_record),
        _JSONB_VERSION + orjson.dumps(c.state),
    )


def _target(table: str, record: type, row: Callable[[Any], tuple[Any, ...]], **types: str) -> Target:
    """Columns and types as the record's class has them, but for `types` and the cost."""
    columns, written = [], []
    for name, annotation in record.__annotations__.items():
        columns.append("cost_usd" if name == "cost_pico" else name)
        written.append(types.get(name) or _TYPES[_plain_type(annotation)])
    return Target(table, tuple(columns), tuple(written), row)


def _plain_type(annotation: Any) -> str:
    # Annotations are strings there, but for a NamedTuple's, which are made forward references.
    return str(getattr(annotation, "__forward_arg__", annotation)).partition(" ")[0]


_COST: Final = ModelCall._fields.index("cost_pico")

TARGETS: Final[dict[type, Target]] = {
    Run: _target("audit.runs", Run, _run),
    ModelCall: _target("audit.model_calls", ModelCall, _model_call, cost_pico="numeric"),
    ToolCall: _target("audit.tool_calls", ToolCall, _time_first),
    Feedback: _target("audit.feedback", Feedback, _feedback, score="int2"),
    Score: _target("audit.scores", Score, _time_first),
    Event: _target("audit.events", Event, _event, attributes="bytea"),
}
"""Where each kind of record goes."""

TEXTS: Final = _target("content.texts", Text, _time_first)
ENTRIES: Final = _target("ledger.entries", Entry, _entry)

_CONVERSATION_TYPES: Final = {
    **dict.fromkeys(("route", "models", "state", "question_hash"), "bytea"),
    **dict.fromkeys(("runs", "model_calls", "tool_calls", "tool_errors", "unpriced_calls"), "int4"),
    **dict.fromkeys(("confidence", "relevance"), "float8"),
    **dict.fromkeys(("latency_us", "ttft_us"), "int8"),
    "cancelled": "bool",
    "cost_usd": "numeric",
    "rating_score": "int2",
}


def _conversation_target() -> Target:
    columns = tuple(
        {"cost_pico": "cost_usd", "marks": "state"}.get(name, name)
        for name in Conversation.__dataclass_fields__
        if name != "question"
    )
    integers = {name for name in columns if name.endswith(("_at", "_tokens", "_start"))}
    types = tuple(_CONVERSATION_TYPES.get(name) or ("int8" if name in integers else "text") for name in columns)
    return Target("audit.conversations", columns, types, _conversation)


CONVERSATIONS: Final = _conversation_target()
