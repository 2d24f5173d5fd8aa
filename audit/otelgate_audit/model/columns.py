"""Records as read from the database, equal to the sink's field by field: for MACs, and for rebuilding rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson
import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from .clock import PG_EPOCH_US
from .records import TABLES, ModelCall, Record

KINDS: Final[dict[str, Any]] = {table: record for record, table in TABLES.items()}
"""table (in schema audit) -> the record's type"""
SPANS: Final = ("runs", "model_calls", "tool_calls")
EVENTS: Final = ("feedback", "scores", "events")

_COST: Final = ModelCall._fields.index("cost_pico")
_INT64: Final = 2**63


def fields(kind: str, alias: str) -> sql.Composed:
    """The record's fields in order, as expressions over the table's alias; `settle` does the rest."""
    return sql.Composed([_field(name, alias) for name in KINDS[kind]._fields]).join(", ")


def identity(kind: str, alias: str) -> sql.Composed:
    """The expressions for start_time, trace_id and record, as content.texts and ledger.entries have them."""
    if kind in SPANS:
        return sql.SQL("{0}.start_time, {0}.trace_id, {0}.span_id").format(sql.Identifier(alias))
    return sql.SQL("{0}.start_time, coalesce({0}.trace_id, ''), {0}.uid").format(sql.Identifier(alias))


def settle(kind: str, row: Sequence[Any]) -> list[Any]:
    """The record's fields from the values that `fields` selected with a `cursor`."""
    values = list(row)
    if kind == "model_calls" and values[_COST] is not None:
        values[_COST] = pico(values[_COST])
    return values


def record(kind: str, row: Sequence[Any]) -> Record:
    """The record of a row; a cost that is not a whole number, which the sink doesn't write, is truncated."""
    values = list(row)
    if kind == "model_calls" and values[_COST] is not None:
        values[_COST] = int(values[_COST]) if values[_COST].is_finite() else 0
    made: Record = KINDS[kind](*values)
    return made


def pico(scaled: Decimal) -> int | str:
    """A cost times 10^12 as whole pico-dollars; as text if not whole, which no record of the sink has."""
    if scaled.is_finite() and (whole := int(scaled)) == scaled and -_INT64 <= whole < _INT64:
        return whole
    return str(scaled)


def cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that returns times as microseconds since 1970."""
    made = connection.cursor(binary=True)
    made.adapters.register_loader("timestamptz", _Micros)
    set_json_loads(_loads, made)
    return made


def stream(connection: psycopg.Connection[Any], name: str) -> psycopg.ServerCursor[Any]:
    """The same, by pages from the server, for results of any size. Needs an open transaction and a unique name."""
    made = connection.cursor(name, binary=True)
    made.adapters.register_loader("timestamptz", _Micros)
    set_json_loads(_loads, made)
    made.itersize = 2_000
    return made


class _Micros(Loader):
    """timestamptz in PostgreSQL's binary form. Infinity, which no record of the sink has, is a very late time."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        return int.from_bytes(data, "big", signed=True) + PG_EPOCH_US


def _loads(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:  # a number that only jsonb can hold, not written by the sink
        return json.loads(text)


def _field(name: str, alias: str) -> sql.Composed:
    if name == "cost_pico":
        return sql.SQL("{}.cost_usd * 1000000000000").format(sql.Identifier(alias))
    if name == "attributes":
        return sql.SQL("{}.attributes::text").format(sql.Identifier(alias))
    return sql.SQL("{}.{}").format(sql.Identifier(alias), sql.Identifier(name))
