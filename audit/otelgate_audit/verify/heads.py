"""The heads that left the database: each minute the keeper sends the chain's head to its witnesses, Loki and another.

Someone with the chain key and the database can rebuild a consistent chain, or put back an old copy; heads announced
earlier reveal that. Each head carries how many were announced with it, and the database keeps that number, so a witness
that lost the latest is noticed.
"""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from .. import ledger
from ..ledger import witness
from ..model import clock
from ..model.clock import DAY_US
from ..process.stores import Store
from .findings import UNCHECKED, Report, when

QUERY: Final = '{service_name=~"otelgate-keeper|otelgate-audit"} | otelgate_audit_head_seq != ""'
"""The sink announced them before there was a keeper."""
_PAGE: Final = 1_000
_TIMEOUT_S: Final = 30
_SLICE_NS: Final = 28 * DAY_US * 1000
"""Loki refuses queries over more than 30 days."""
_UNDER_WAY: Final = 10
"""The last so many heads may be missing: they are on their way, or came after a backup of Loki was taken."""
_FIRST_US: Final = 3_600_000_000
"""A keeper announces its first head within a minute; an entry this old must have had one."""
_FEW: Final = 2
"""Heads that a new system may have announced before a witness shows any."""
_WHERE: Final = "announced heads"
_UNREADABLE: Final = (
    *(OSError, http.client.HTTPException),
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError),
)


class Source(NamedTuple):
    """A witness: its name in words, what a finding calls it, and its heads, each a time in nanoseconds and fields."""

    name: str
    record: str
    pages: Iterable[list[tuple[int, dict[str, Any]]]]


def loki(store: Store, from_us: int, to_us: int) -> Source:
    """The heads that Loki got between two times."""
    return Source(f"Loki at {store.url}", "in Loki", _pages(store, from_us * 1000, to_us * 1000))


def file(path: Path, *, optional: bool = False) -> Source:
    """The heads in a witness's file; none where it is missing and `optional`, as before the first head."""
    return Source(f"the witness {path}", "in the witness", witness.read(path, optional=optional))


def check(connection: psycopg.Connection[Any], chain_key: bytes, source: Source, report: Report, now_us: int) -> None:
    """Compare a witness's heads with the chain as it is now. The connection is in no transaction.

    Where the witness does not answer, or lacks heads that must be there, the report has a finding that says so.
    """
    found, forged, counts = 0, 0, set[int]()
    try:
        for page in source.pages:
            heads = []
            for time_ns, fields in page:
                read = _read(fields, chain_key)
                if read is None:
                    forged += 1
                    continue
                found += 1
                report.announced.add(hash(read))
                heads.append((time_ns // 1000, read[0]))
                if read[1] is not None:
                    counts.add(read[1])
            _compare(connection, heads, source, report)
    except _UNREADABLE as error:
        reason = getattr(error, "reason", None) or error
        _unchecked(report, source, f"{source.name} does not answer as expected ({reason})")
        return
    if not found:
        _check_none(connection, report, source, forged, now_us)
        return
    if forged:
        report.notes.append(f"{forged} heads in {source.name} are not signed with this chain key: left out")
    if counts:
        _check_counts(connection, report, source, counts)


def _check_none(connection: psycopg.Connection[Any], report: Report, source: Source, forged: int, now_us: int) -> None:
    """The witness has no head that this chain's key signed: right for a new system only."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM ledger.entries WHERE committed_at < %s)", [clock.parameter(now_us - _FIRST_US)]
    ).fetchone()
    if forged:
        _unchecked(report, source, f"of {forged} in {source.name} none is signed with this chain key")
    elif (row and row[0]) or _announced(connection) > _FEW:
        _unchecked(report, source, f"{source.name} has none: they were deleted, lost, or never sent")
    else:
        report.notes.append(f"announced heads not checked: {source.name} has none of this time")


def _check_counts(connection: psycopg.Connection[Any], report: Report, source: Source, counts: set[int]) -> None:
    """Whether the witness has the latest heads; those of before say again what lost ones did."""
    last, announced = max(counts), _announced(connection)
    if announced > last + _UNDER_WAY:
        _unchecked(report, source, f"{source.name} has none after number {last}, and {announced} were announced")
    if lost := last - min(counts) + 1 - len(counts):
        report.notes.append(f"{lost} announced heads are not in {source.name}: later ones speak for the same entries")


def _unchecked(report: Report, source: Source, why: str) -> None:
    report.add(UNCHECKED, _WHERE, source.record, f"could not be checked: {why}")


def _announced(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT max(announced) FROM ledger.head").fetchone()
    return (row and row[0]) or 0


def _compare(
    connection: psycopg.Connection[Any], heads: list[tuple[int, ledger.Head]], source: Source, report: Report
) -> None:
    rows = connection.execute(
        "SELECT seq, link FROM ledger.entries WHERE seq = ANY(%s)", [[at.seq for _, at in heads]]
    ).fetchall()
    links = {seq: bytes(link) for seq, link in rows}
    ends = connection.execute(
        "SELECT (SELECT coalesce(max(seq), 0) FROM ledger.dropped WHERE table_name = 'ledger.entries'),"
        " coalesce((SELECT seq FROM ledger.head), (SELECT max(seq) FROM ledger.entries), 0)"
    ).fetchone()
    dropped, last = ends or (0, 0)
    for announced_us, at in heads:
        if at.seq <= dropped:
            continue
        said = f"was announced at {when(announced_us)}, according to {source.name},"
        if at.seq > last:
            what = f"{said} but the chain ends at {last}: its tail is gone, or an old copy of the database was put back"
            report.add("announced", "ledger.entries", f"entry {at.seq}", what)
        elif links.get(at.seq) != at.link:
            what = f"{said} with another link: the chain was rebuilt"
            report.add("announced", "ledger.entries", f"entry {at.seq}", what)


def _read(fields: dict[str, str], chain_key: bytes) -> tuple[ledger.Head, int | None] | None:
    seq, link, signature, count = (
        fields.get(name.replace(".", "_"), "")
        for name in (ledger.HEAD_SEQ, ledger.HEAD_LINK, ledger.HEAD_SIGNATURE, ledger.HEAD_COUNT)
    )
    return ledger.announced(seq, link, signature, chain_key, count)


def _pages(loki: Store, start_ns: int, end_ns: int) -> Iterator[list[tuple[int, dict[str, str]]]]:
    """The events with their attributes, oldest first. Raises OSError, ValueError, LookupError and the like."""
    for begin in range(start_ns, end_ns, _SLICE_NS):
        yield from _slice(loki, begin, min(begin + _SLICE_NS, end_ns))


def _slice(loki: Store, start_ns: int, end_ns: int) -> Iterator[list[tuple[int, dict[str, str]]]]:
    while start_ns < end_ns:
        parameters = {"query": QUERY, "start": start_ns, "end": end_ns, "limit": _PAGE, "direction": "forward"}
        url = f"{loki.url}/loki/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
        with loki.opener.open(url, timeout=_TIMEOUT_S) as answer:
            streams: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        # Without Loki's categorised answers, what is known of a line is all in its stream's labels.
        events = sorted(
            ((int(value[0]), stream["stream"]) for stream in streams for value in stream["values"]),
            key=lambda event: event[0],
        )
        if events:
            yield events
        if len(events) < _PAGE:
            return
        start_ns = events[-1][0] + 1
