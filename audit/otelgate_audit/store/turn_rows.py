"""The rows of audit.turns: written by COPY, read back, and the records from which one can be rebuilt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import orjson
import psycopg
from psycopg import sql

from ..model import clock, columns
from ..model.clock import PG_EPOCH_US
from ..model.copying import Target, jsonb, pico, text_array, usd
from ..model.records import Record, Text
from .turn import Turn

MERGED: Final = (*columns.SPANS, "feedback", "scores")
"""The tables whose records are merged into a turn's row."""

_WORDS: Final = 4
_SPAN_ID: Final = 2
_TYPES: Final = {
    **dict.fromkeys(("route", "models", "state", "question_hash"), "bytea"),
    **dict.fromkeys(("runs", "model_calls", "tool_calls", "tool_errors", "unpriced_calls"), "int4"),
    **dict.fromkeys(("confidence", "relevance"), "float8"),
    **dict.fromkeys(("latency_us", "ttft_us"), "int8"),
    "cancelled": "bool",
    "cost_usd": "numeric",
    "rating_score": "int2",
}


def load(connection: psycopg.Connection[Any], names: Collection[str]) -> Iterable[Turn]:
    """The rows of these traces, as far as they exist."""
    if not names:
        return
    for row in columns.cursor(connection).execute(_LOAD, [list(names)]):
        *values, state = row
        values[_COST] = pico(values[_COST])
        turn = Turn(*values)
        turn.restore(state)
        yield turn


def records_of(
    connection: psycopg.Connection[Any], traces: Sequence[str], from_us: int | None = None, to_us: int | None = None
) -> dict[str, list[tuple[Record, Text | None]]]:
    """The records that are merged into traces' turns, with content; spans that start in the range."""
    found: dict[str, list[tuple[Record, Text | None]]] = defaultdict(list)
    cursor = columns.cursor(connection)
    start, end = clock.bounds(from_us, to_us)
    given = {"traces": list(traces), "from": start, "to": end}
    for kind in MERGED:
        cursor.execute(_RECORDS[kind], given)
        for row in cursor:
            fields, (has_words, *words) = row[:-_WORDS], row[-_WORDS:]
            record = columns.record(kind, fields)
            trace_id = fields[columns.KINDS[kind]._fields.index("trace_id")]
            text = Text(fields[0], trace_id, fields[_SPAN_ID], *words) if has_words else None
            found[trace_id].append((record, text))
    return found


def select(target: Target) -> sql.Composed:
    """The rows of traces, with the columns that are written."""
    return sql.SQL("SELECT {} FROM {} WHERE trace_id = ANY(%s)").format(
        sql.SQL(", ").join(map(sql.Identifier, target.columns)), sql.Identifier(*target.table.split("."))
    )


def _row(c: Turn) -> tuple[Any, ...]:
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
        jsonb(orjson.dumps(c.state)),
    )


def _target() -> Target:
    names = tuple(
        {"cost_pico": "cost_usd", "marks": "state"}.get(name, name)
        for name in Turn.__dataclass_fields__
        if name != "question"
    )
    integers = {name for name in names if name.endswith(("_at", "_tokens", "_start"))}
    types = tuple(_TYPES.get(name) or ("int8" if name in integers else "text") for name in names)
    return Target("audit.turns", names, types, _row)


def _records(kind: str) -> sql.Composed:
    words = sql.SQL("false, NULL, NULL, NULL").format()
    joined = where = sql.SQL("").format()
    if kind in columns.SPANS:
        where = sql.SQL(
            " AND found.start_time >= %(from)s::timestamptz AND found.start_time < %(to)s::timestamptz"
        ).format()
    if kind in ("runs", "model_calls"):
        words = sql.SQL("words.record IS NOT NULL, words.input, words.output, words.error_message").format()
        joined = sql.SQL(
            " LEFT JOIN content.texts words ON (words.start_time, words.trace_id, words.record) = ({identity})"
            " AND words.start_time >= %(from)s::timestamptz AND words.start_time < %(to)s::timestamptz"
        ).format(identity=columns.identity(kind, "found"))
    return sql.SQL(
        "SELECT {fields}, {words} FROM {table} found{joined} WHERE found.trace_id = ANY(%(traces)s){where}"
    ).format(
        fields=columns.fields(kind, "found"),
        words=words,
        table=sql.Identifier("audit", kind),
        joined=joined,
        where=where,
    )


TURNS: Final = _target()

_COST: Final = TURNS.columns.index("cost_usd")
_LOAD: Final = select(TURNS)
_RECORDS: Final = {kind: _records(kind) for kind in MERGED}
