"""The turns: each row is what its records make together, and each trace with records has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson
import psycopg
from psycopg import sql

from ..model import clock, columns
from ..model.clock import DAY_US
from ..model.records import Record, Text
from ..store.turn import question_hash, question_key, rebuild
from ..store.turn_rows import MERGED, TURNS, records_of
from .chain import View
from .findings import Report

TABLE: Final = "audit.turns"

_COLUMNS: Final = TURNS.columns
_COST: Final = _COLUMNS.index("cost_usd")
_TRACE, _STARTED, _ENDED = (_COLUMNS.index(name) for name in ("trace_id", "started_at", "ended_at"))
# When the sink wrote the row is not the records' to say.
_FREE: Final = ("arrived_at", "updated_at")
_BATCH: Final = 500
_FIELDS: Final = {"cost_usd": "cost_pico"}

_LOST: Final = """
SELECT trace_id, min(start_time) FROM (
    SELECT trace_id, start_time, service FROM audit.runs
    UNION ALL SELECT trace_id, start_time, service FROM audit.model_calls
    UNION ALL SELECT trace_id, start_time, service FROM audit.tool_calls
) AS spans
WHERE start_time >= %s::timestamptz AND start_time < %s::timestamptz AND service = coalesce(%s, service)
    AND NOT EXISTS (SELECT FROM audit.turns WHERE turns.trace_id = spans.trace_id)
GROUP BY trace_id
"""


def check(
    connection: psycopg.Connection[Any],
    chain_key: bytes,
    view: View,
    report: Report,
    from_us: int | None = None,
    to_us: int | None = None,
    service: str | None = None,
    progress: Callable[[int], object] = lambda number: None,
) -> None:
    """Check the turns that started in the range, of one service or all."""
    key = question_key(chain_key)
    bounds = clock.bounds(from_us, to_us)
    with columns.stream(connection, "verify_turns") as rows:
        rows.execute(_select(), [*bounds, service])
        while batch := rows.fetchmany(_BATCH):
            _check_batch(connection, batch, key, view, report)
            report.turns += len(batch)
            progress(len(batch))
    with columns.stream(connection, "verify_lost") as traces:
        traces.execute(_LOST, [*bounds, service])
        for trace_id, start in traces:
            if start >= view.retained.before(TABLE):
                report.add("missing", TABLE, trace_id, "the row is missing: the trace has records")


def _check_batch(
    connection: psycopg.Connection[Any], batch: Sequence[Sequence[Any]], key: bytes, view: View, report: Report
) -> None:
    # Nearly all spans lie here; the bounds spare looking into each day's partition.
    first, last = min(row[_STARTED] for row in batch) - DAY_US, max(row[_ENDED] for row in batch) + 1
    found = records_of(connection, [row[_TRACE] for row in batch], first, last)
    for row in batch:
        trace_id = row[_TRACE]
        differing = _differing(row, found.get(trace_id, []), key)
        if differing:
            differing = _differing(row, records_of(connection, [trace_id]).get(trace_id, []), key)
        if differing and not _has_deleted_records(connection, trace_id, view):
            what = f"differs from its records in {', '.join(differing)}" if differing[0] else "has no records"
            report.add("turn", TABLE, trace_id, what)


def _differing(row: Sequence[Any], records: Sequence[tuple[Record, Text | None]], key: bytes) -> list[str]:
    """The columns in which the row is not what its records make; one empty name where there are none."""
    try:
        made = rebuild(records, 0)
    except ValueError:
        return [""]
    if made.question is not None:
        made.question_hash = question_hash(key, made.question)
    values = list(row)
    values[_COST] = columns.pico(values[_COST])
    # As it comes back from the database: lists, not tuples.
    expected = [*_EXPECTED(made), orjson.loads(orjson.dumps(made.state))]
    return [
        name
        for name, value, other in zip(_COLUMNS, values, expected, strict=True)
        if value != other and name not in _FREE
    ]


def _has_deleted_records(connection: psycopg.Connection[Any], trace_id: str, view: View) -> bool:
    """Whether retention deleted records of the trace: then the row says more than what is left."""
    for kind in MERGED:
        before = view.retained.before(f"audit.{kind}")
        found = connection.execute(
            "SELECT 1 FROM ledger.entries WHERE kind = %s AND trace_id = %s AND start_time < %s::timestamptz LIMIT 1",
            [kind, trace_id, clock.parameter(before)],
        ).fetchone()
        if found:
            return True
    return False


def _select() -> sql.Composed:
    fields = [sql.SQL("cost_usd * 1000000000000") if name == "cost_usd" else sql.Identifier(name) for name in _COLUMNS]
    return sql.SQL(
        "SELECT {} FROM audit.turns WHERE started_at >= %s::timestamptz AND started_at < %s::timestamptz"
        " AND service = coalesce(%s, service) ORDER BY started_at"
    ).format(sql.SQL(", ").join(fields))


_EXPECTED: Final = attrgetter(*(_FIELDS.get(name, name) for name in _COLUMNS[:-1]))
