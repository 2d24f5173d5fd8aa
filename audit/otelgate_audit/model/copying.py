"""Writes rows into tables by binary COPY, the cheapest way for both sides.

A binary COPY accepts values of the right length, so a timestamp is sent as PostgreSQL's 64-bit number of microseconds
since 2000, and jsonb and text[] as bytes in the server's own form.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import sql

from .clock import PG_EPOCH_US
from .records import Event, Feedback, ModelCall, Run, Score, Text, ToolCall

_EXACT: Final = Context(prec=400)
_TYPES: Final = {"int": "int8", "str": "text", "float": "float8", "bytes": "bytea", "bool": "bool"}
_JSONB_VERSION: Final = b"\x01"
_TEXT_OID: Final = 25


@dataclass(frozen=True)
class Target:
    """A table with its written columns, their types, and the function from a record to its row."""

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


def usd(pico: int) -> Decimal:
    """Pico-dollars as the dollars of a numeric column, exactly."""
    return Decimal(pico).scaleb(-12, _EXACT)


def pico(amount: Decimal) -> int:
    """The dollars of a numeric column as pico-dollars."""
    return int(amount.scaleb(12, _EXACT))


def jsonb(written: bytes) -> bytes:
    """JSON as jsonb in the server's binary form."""
    return _JSONB_VERSION + written


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
    return (event[0] - PG_EPOCH_US, *event[1:-1], jsonb(event.attributes.encode()))


def target_for(table: str, record: type, row: Callable[[Any], tuple[Any, ...]], **types: str) -> Target:
    """Columns and types from the record's class, except `types` and the cost."""
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
    Run: target_for("audit.runs", Run, _run),
    ModelCall: target_for("audit.model_calls", ModelCall, _model_call, cost_pico="numeric"),
    ToolCall: target_for("audit.tool_calls", ToolCall, _time_first),
    Feedback: target_for("audit.feedback", Feedback, _feedback, score="int2"),
    Score: target_for("audit.scores", Score, _time_first),
    Event: target_for("audit.events", Event, _event, attributes="bytea"),
}
"""The target of each kind of record."""

TEXTS: Final = target_for("content.texts", Text, _time_first)
