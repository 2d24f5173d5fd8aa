"""The rows: each is what its entry was made of, with its words; no row without an entry, no entry without a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from ..ledger import proof
from ..model import clock, columns
from ..model.clock import DAY_US
from ..model.columns import KINDS
from .chain import View
from .findings import Report, named

# seq, key id, start_time, trace_id, record, mac; the key and its service; the row's service; then the fields and words.
_ENTRY: Final = 6
_FIELDS: Final = _ENTRY + 3
_WORDS: Final = 3

# The last entry about a record holds: after an erasure, or when retention dropped its content, it was re-attested.
_ROWS: Final = """
WITH attested AS (
    SELECT DISTINCT ON (start_time, trace_id, record) seq, key_id, start_time, trace_id, record, mac
    FROM ledger.entries
    WHERE kind = ANY(%(kinds)s) AND seq >= %(first)s
        AND start_time >= %(from)s::timestamptz AND start_time < %(to)s::timestamptz
    ORDER BY start_time, trace_id, record, seq DESC
), stored (start_time, trace_id, record, service, {names}) AS (
    SELECT {identity}, found.service, {fields}
    FROM {table} found
    WHERE start_time >= %(from)s::timestamptz AND start_time < %(to)s::timestamptz
), words AS (
    SELECT * FROM content.texts WHERE start_time >= %(from)s::timestamptz AND start_time < %(to)s::timestamptz
)
SELECT seq, key_id, start_time, trace_id, record, mac, key, keys.service, stored.service, {names},
    input, output, error_message
FROM attested FULL JOIN stored USING (start_time, trace_id, record)
LEFT JOIN words USING (start_time, trace_id, record)
LEFT JOIN ledger.keys USING (key_id)
"""

_LONE_WORDS: Final = """
SELECT start_time, trace_id, record FROM content.texts
WHERE start_time >= %(from)s::timestamptz AND start_time < %(to)s::timestamptz AND NOT EXISTS (
    SELECT FROM ledger.entries
    WHERE entries.start_time = texts.start_time AND entries.trace_id = texts.trace_id AND entries.record = texts.record
        AND seq >= %(first)s
        AND start_time >= %(from)s::timestamptz AND start_time < %(to)s::timestamptz)
"""


def check(
    connection: psycopg.Connection[Any],
    view: View,
    report: Report,
    from_us: int | None = None,
    to_us: int | None = None,
    service: str | None = None,
    progress: Callable[[int], object] = lambda number: None,
) -> None:
    """Check the records that start in the range, of one service or all, against the entries of the chain's view."""
    for start, end in _ranges(view.days, from_us, to_us):
        for kind in KINDS:
            _check_kind(connection, kind, view, report, (start, end), service, progress)
        if service is None:
            _check_words(connection, view, report, (start, end))


def _check_kind(
    connection: psycopg.Connection[Any],
    kind: str,
    view: View,
    report: Report,
    bounds: tuple[str, str],
    service: str | None,
    progress: Callable[[int], object],
) -> None:
    table = f"audit.{kind}"
    with columns.stream(connection, "verify_records") as rows:
        rows.execute(_statement(kind), _parameters(view, bounds, kind))
        for row in rows:
            seq, _, start, trace_id, record, mac, key, key_service, row_service = row[:_FIELDS]
            if service is not None and service not in (row_service, key_service):
                continue
            fields, words = columns.settle(kind, row[_FIELDS:-_WORDS]), row[-_WORDS:]
            if seq is not None and start < view.retained.before(table, seq):
                report.gone += 1
            elif row_service is None:
                report.add("missing", table, named(start, trace_id, record), f"the row of entry {seq} is missing")
            elif seq is None:
                report.add("unknown", table, named(start, trace_id, record), "has no entry: not written by the sink")
            elif key is None:
                report.add("key", table, named(start, trace_id, record), f"the key of entry {seq} is missing")
            elif proof.digest(key, proof.encode(kind, fields, words)) != mac:
                what = f"the row or its words differ from what entry {seq} attests"
                report.add("changed", table, named(start, trace_id, record), what)
            report.records += 1
            if not report.records % 1_000:
                progress(1_000)


def _check_words(connection: psycopg.Connection[Any], view: View, report: Report, bounds: tuple[str, str]) -> None:
    with columns.stream(connection, "verify_words") as rows:
        rows.execute(_LONE_WORDS, _parameters(view, bounds, ""))
        for start, trace_id, record in rows:
            report.add("words", "content.texts", named(start, trace_id, record), "belongs to no record of the ledger")


def _statement(kind: str) -> sql.Composed:
    return sql.SQL(_ROWS).format(
        names=sql.SQL(", ").join(sql.Identifier(f"field_{each}") for each in KINDS[kind]._fields),
        identity=columns.identity(kind, "found"),
        fields=columns.fields(kind, "found"),
        table=sql.Identifier("audit", kind),
    )


def _parameters(view: View, bounds: tuple[str, str], kind: str) -> dict[str, Any]:
    kinds = [kind, f"erase.{kind}", f"retain.{kind}"]
    return {"first": view.first, "from": bounds[0], "to": bounds[1], "kinds": kinds}


def _ranges(days: set[int], from_us: int | None, to_us: int | None) -> Iterator[tuple[str, str]]:
    """The range in parts: each day with entries, and what is between, where a row would be one too many."""
    inside = sorted(
        day
        for day in days
        if (from_us is None or (day + 1) * DAY_US > from_us) and (to_us is None or day * DAY_US < to_us)
    )
    start, end = clock.bounds(from_us, to_us)
    at = start
    for day in inside:
        begin = clock.parameter(day * DAY_US) if from_us is None or day * DAY_US > from_us else start
        finish = clock.parameter((day + 1) * DAY_US) if to_us is None or (day + 1) * DAY_US < to_us else end
        if begin != at:
            yield at, begin
        yield begin, finish
        at = finish
    if at != end:
        yield at, end
