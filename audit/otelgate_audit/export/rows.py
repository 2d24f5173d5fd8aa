"""Reads turns from the store in batches, each with its tool calls and votes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

BATCH: Final = 500
"""Turns read at a time, at most; fewer where they are long."""
LONG: Final = 16 * 1024 * 1024
"""Characters in one batch above which the next is smaller."""

TURN: Final = (
    *("trace_id", "started_at", "ended_at", "service", "environment", "agent", "route", "session_id", "user_id"),
    *("tier", "feature", "status", "cancelled", "error_type", "latency_us", "ttft_us", "runs", "model_calls"),
    *("tool_calls", "tool_errors", "input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"),
    *("reasoning_tokens", "cost_usd", "unpriced_calls", "price_version", "models", "confidence", "relevance"),
    *("rating", "rating_score"),
)
"""Columns of audit.turns that are exported, in this order."""
WORDS: Final = ("user_message", "reply")
TOOL: Final = ("start_time", "span_id", "tool", "call_id", "agent", "duration_us", "status", "cancelled", "error_type")
TOOL_WORDS: Final = ("arguments", "result", "error_message")
VOTE: Final = ("start_time", "uid", "user_id", "rating", "score")
VOTE_WORDS: Final = ("comment",)

Row = dict[str, Any]
Key = tuple[datetime, str, str]
"""start time, trace id, and span id or uid: the record that the content belongs to"""

_FIRST: Final = 50
_SLACK: Final = timedelta(days=1)
_PLACES: Final = ("asked_start", "asked_record", "replied_start", "replied_record")


@dataclass(frozen=True)
class Selection:
    """Selects the turns that started at `start` or later and before `end`; None for no bound."""

    start: datetime | None = None
    end: datetime | None = None
    service: str | None = None
    user: str | None = None
    pseudonyms: tuple[str, ...] = ()
    """Patterns (LIKE) of what the gateway may have stored for the user."""
    content: bool = True
    """With content. Otherwise, nothing is read from the schema `content`."""


@contextmanager
def snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that reads one state of the database. No transaction may be open."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction():
        yield


def count(connection: psycopg.Connection[Any], selection: Selection) -> int:
    """The number of selected turns."""
    where, values = _where_clause(selection)
    row = connection.execute(sql.SQL("SELECT count(*) FROM audit.turns WHERE {}").format(where), values).fetchone()
    return int(row[0]) if row else 0


def batches(connection: psycopg.Connection[Any], selection: Selection) -> Iterator[list[Row]]:
    """Turns by their start, with the keys `tools` and `feedback` in addition to their columns.

    Reads in the caller's transaction; `snapshot` gives one state.
    """
    where, values = _where_clause(selection)
    columns = sql.SQL(", ").join(map(sql.Identifier, (*TURN, *_PLACES)))
    query = sql.SQL("SELECT {} FROM audit.turns WHERE {} ORDER BY started_at, trace_id").format(columns, where)
    size = _FIRST
    with connection.cursor("export", row_factory=dict_row) as cursor:
        cursor.execute(query, values)
        while rows := cursor.fetchmany(size):
            long = _complete(connection, rows, content=selection.content) > LONG
            yield rows
            size = max(1, size // 2) if long else min(BATCH, size * 2)


def length(row: Row) -> int:
    """Characters of a turn's content."""
    words = [row.get(name) for name in WORDS]
    words += [call.get(name) for call in row["tools"] for name in TOOL_WORDS]
    words += [vote.get(name) for vote in row["feedback"] for name in VOTE_WORDS]
    return sum(len(text) for text in words if text)


def _where_clause(selection: Selection) -> tuple[sql.Composable, list[Any]]:
    bounds: tuple[tuple[LiteralString, Any], ...] = (
        ("started_at >= %s", selection.start),
        ("started_at < %s", selection.end),
        ("service = %s", selection.service),
        ("(user_id = %s OR user_id LIKE ANY(%s))", selection.user and (selection.user, list(selection.pseudonyms))),
    )
    given = [(condition, value) for condition, value in bounds if value]
    where = sql.SQL(" AND ").join(sql.SQL(condition) for condition, _ in given) if given else sql.SQL("true")
    return where, [each for _, value in given for each in (value if isinstance(value, tuple) else (value,))]


def _complete(connection: psycopg.Connection[Any], rows: list[Row], *, content: bool) -> int:
    """Add tool calls, votes and content to a batch, with a few statements for all. Returns the content's length."""
    tools, votes = _tool_calls(connection, rows), _votes(connection, rows)
    for row in rows:
        row["tools"], row["feedback"] = tools[row["trace_id"]], votes[row["trace_id"]]
    if content:
        _add_words(connection, rows)
    for row in rows:
        for name in _PLACES:
            del row[name]
    return sum(map(length, rows))


def _tool_calls(connection: psycopg.Connection[Any], rows: list[Row]) -> dict[str, list[Row]]:
    earliest = min(row["started_at"] for row in rows) - _SLACK
    latest = max(row["ended_at"] for row in rows)
    found = _fetch_tools(connection, [row["trace_id"] for row in rows], earliest, latest)
    # The bounds exclude partitions. A call may have begun long before the leading run, so the totals decide.
    missed = [row["trace_id"] for row in rows if len(found[row["trace_id"]]) < row["tool_calls"]]
    if missed:
        found |= _fetch_tools(connection, missed, None, None)
    return found


def _fetch_tools(
    connection: psycopg.Connection[Any], trace_ids: list[str], earliest: datetime | None, latest: datetime | None
) -> defaultdict[str, list[Row]]:
    columns = sql.SQL(", ").join(map(sql.Identifier, ("trace_id", *TOOL)))
    bounds = sql.SQL("AND start_time BETWEEN %s AND %s") if earliest else sql.SQL("")
    query = sql.SQL(
        "SELECT {} FROM audit.tool_calls WHERE trace_id = ANY(%s) AND duplicate_of IS NULL {}"
        " ORDER BY start_time, span_id"
    ).format(columns, bounds)
    return _by_trace(connection, query, [trace_ids, *([earliest, latest] if earliest else [])])


def _votes(connection: psycopg.Connection[Any], rows: list[Row]) -> defaultdict[str, list[Row]]:
    columns = sql.SQL(", ").join(map(sql.Identifier, ("trace_id", *VOTE)))
    query = sql.SQL("SELECT {} FROM audit.feedback WHERE trace_id = ANY(%s) ORDER BY start_time, uid").format(columns)
    return _by_trace(connection, query, [[row["trace_id"] for row in rows]])


def _by_trace(
    connection: psycopg.Connection[Any], query: sql.Composed, values: list[Any]
) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(query, values):
            found[row.pop("trace_id")].append(row)
    return found


def _add_words(connection: psycopg.Connection[Any], rows: list[Row]) -> None:
    words = _texts(connection, [key for row in rows for key in _keys(row)])
    nothing: tuple[None, None, None] = (None, None, None)
    for row in rows:
        trace_id = row["trace_id"]
        row["user_message"] = words.get((row["asked_start"], trace_id, row["asked_record"]), nothing)[0]
        row["reply"] = words.get((row["replied_start"], trace_id, row["replied_record"]), nothing)[1]
        for call in row["tools"]:
            found = words.get((call["start_time"], trace_id, call["span_id"]), nothing)
            call.update(zip(TOOL_WORDS, found, strict=True))
        for vote in row["feedback"]:
            vote["comment"] = words.get((vote["start_time"], trace_id, vote["uid"]), nothing)[0]


def _keys(row: Row) -> Iterator[Key]:
    trace_id = row["trace_id"]
    if row["asked_record"]:
        yield row["asked_start"], trace_id, row["asked_record"]
    if row["replied_record"]:
        yield row["replied_start"], trace_id, row["replied_record"]
    for call in row["tools"]:
        yield call["start_time"], trace_id, call["span_id"]
    for vote in row["feedback"]:
        yield vote["start_time"], trace_id, vote["uid"]


def _texts(
    connection: psycopg.Connection[Any], keys: Iterable[Key]
) -> dict[Key, tuple[str | None, str | None, str | None]]:
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    times, trace_ids, records = (list(column) for column in zip(*wanted, strict=True))
    found = connection.execute(
        "SELECT t.start_time, t.trace_id, t.record, t.input, t.output, t.error_message"
        " FROM unnest(%s::timestamptz[], %s::text[], %s::text[]) AS wanted (start_time, trace_id, record)"
        " JOIN content.texts t USING (start_time, trace_id, record)"
        " WHERE t.start_time BETWEEN %s AND %s",
        [times, trace_ids, records, min(times), max(times)],
    )
    return {(start, trace_id, record): (*words,) for start, trace_id, record, *words in found}
