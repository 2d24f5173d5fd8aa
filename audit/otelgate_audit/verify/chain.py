"""The chain itself: each entry's link follows from the one before it, no entry is missing, and the head is the last."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import psycopg

from .. import ledger
from ..ledger import proof
from ..ledger.attest import RETAIN
from ..model import clock, columns
from ..model.clock import DAY_US
from .findings import Report

ENTRIES: Final = "ledger.entries"

# table -> which rows of it are only there when the chain has, or had, entries
_MADE_WITH_ENTRIES: Final = {
    "ledger.keys": "true",
    "ledger.head": "announced > 0",
    "audit.users": "true",
    "audit.user_days": "true",
    "audit.sessions": "true",
    "audit.erasures": "records > 0",
    "audit.reconciliation": "stored > 0",
}
_FIELDS: Final = "seq, committed_at, kind, start_time, trace_id, record, key_id, mac, link"


@dataclass
class Retained:
    """The deletions of retention that the chain tells of: rows of a table that start before a time may be gone."""

    _tables: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    _best: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)

    def add(self, table: str, seq: int, before_us: int) -> None:
        """Entries come in the order of `seq`."""
        self._tables[table].append((seq, before_us))

    def before(self, table: str, seq: int = 0) -> int:
        """Rows of the entry `seq` (0: of any) are explained if they start before this."""
        if table not in self._best:
            told = self._tables.get(table, [])
            latest, most = [], 0
            for _, before_us in reversed(told):
                most = max(most, before_us)
                latest.append(most)
            self._best[table] = [at for at, _ in told], latest[::-1]
        seqs, times = self._best[table]
        at = bisect_right(seqs, seq)
        return times[at] if at < len(times) else 0


@dataclass
class View:
    """The chain's state, for the checks of the rows."""

    first: int
    """The first entry that was checked."""
    head: ledger.Head
    days: set[int] = field(default_factory=set)
    """Days since 1970 on which a record of an entry starts."""
    retained: Retained = field(default_factory=Retained)
    signatures: dict[str, bytes] = field(default_factory=dict)
    """partition -> MAC of the last entry that says it was dropped"""


def check(
    connection: psycopg.Connection[Any],
    chain_key: bytes,
    report: Report,
    from_us: int | None = None,
    progress: Callable[[int], object] = lambda number: None,
) -> View:
    """Check from the first entry that can be about records since `from_us`, or from the very first, to the head.

    The connection is in a transaction. Findings go to the report, and the walk goes on after each.
    """
    anchor = _anchor(connection, chain_key, report)
    expected, previous = _start(connection, anchor, from_us, report)
    view = View(expected, _head(connection, report))
    last = ledger.Head(expected - 1, previous or b"")
    with columns.stream(connection, "verify_chain") as entries:
        entries.execute(
            f"SELECT {_FIELDS} FROM ledger.entries WHERE seq >= %s ORDER BY seq, committed_at",
            [0 if from_us is None else expected],
        )
        for entry in entries:
            seq = entry[0]
            if seq < expected:
                report.add("extra", ENTRIES, f"entry {seq}", "is no part of the chain")
                continue
            if seq > expected:
                report.add("gap", ENTRIES, _span(expected, seq - 1), "missing")
                previous = None
            if (previous is not None and proof.link(chain_key, previous, entry) != entry[8]) or len(entry[7]) != 32:
                report.add(
                    "link", ENTRIES, f"entry {seq}", "does not follow from the entry before it: changed or moved"
                )
            expected, previous = seq + 1, entry[8]
            last = ledger.Head(seq, entry[8])
            _note(view, entry)
            report.entries += 1
            if not report.entries % 1_000:
                progress(1_000)
    _check_head(view.head, last, report)
    if not view.head.seq and not report.entries:
        _check_emptied(connection, report)
    _check_dropped(connection, chain_key, view, report)
    return view


def _anchor(connection: psycopg.Connection[Any], chain_key: bytes, report: Report) -> ledger.Head:
    """Where the chain begins: after the last partition of it that retention dropped, or at nothing."""
    row = connection.execute(
        "SELECT seq, link FROM ledger.dropped WHERE table_name = %s ORDER BY seq DESC LIMIT 1", [ENTRIES]
    ).fetchone()
    return ledger.Head(row[0], bytes(row[1])) if row else ledger.Head(0, b"")


def _start(
    connection: psycopg.Connection[Any], anchor: ledger.Head, from_us: int | None, report: Report
) -> tuple[int, bytes | None]:
    """The first entry's number and the link before it; None where that is not known."""
    if from_us is None:
        return anchor.seq + 1, anchor.link
    # A record starts at most a day after it was committed; an hour for the clocks.
    since = clock.from_us(from_us) - timedelta(hours=25)
    row = connection.execute("SELECT min(seq) FROM ledger.entries WHERE committed_at >= %s", [since]).fetchone()
    first = row[0] if row else None
    if first is None:
        first = _head(connection, Report()).seq + 1
    if first <= anchor.seq + 1:
        return anchor.seq + 1, anchor.link
    before = connection.execute("SELECT link FROM ledger.entries WHERE seq = %s", [first - 1]).fetchone()
    if before:
        return first, bytes(before[0])
    report.add("gap", ENTRIES, f"entry {first - 1}", "missing")
    return first, None


def _note(view: View, entry: tuple[Any, ...]) -> None:
    seq, _, kind, start_time, table, partition, _, mac, _ = entry
    if kind == RETAIN:
        view.retained.add(table, seq, start_time)
        if partition:
            view.signatures[partition] = mac
    else:
        view.days.add(start_time // DAY_US)


def _head(connection: psycopg.Connection[Any], report: Report) -> ledger.Head:
    try:
        return ledger.head(connection)
    except LookupError:
        report.add("head", "ledger.head", "the row", "is missing")
        row = connection.execute("SELECT seq, link FROM ledger.entries ORDER BY seq DESC LIMIT 1").fetchone()
        return ledger.Head(row[0], bytes(row[1])) if row else ledger.Head(0, b"")


def _check_head(head: ledger.Head, last: ledger.Head, report: Report) -> None:
    if head.seq > last.seq:
        report.add("gap", ENTRIES, _span(last.seq + 1, head.seq), "missing: ledger.head tells of them")
    elif head != last:
        report.add("head", "ledger.head", f"entry {head.seq}", f"is not the chain's last entry, {last.seq}")


def _check_emptied(connection: psycopg.Connection[Any], report: Report) -> None:
    """A ledger without an entry is that of a store which never had a record: what is only made with one tells on it."""
    for table, which in _MADE_WITH_ENTRIES.items():
        found = connection.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE {which})").fetchone()
        if found and found[0]:
            report.add("emptied", ENTRIES, "all entries", f"missing: {table} tells that there were some")


def _check_dropped(connection: psycopg.Connection[Any], chain_key: bytes, view: View, report: Report) -> None:
    """The heads of dropped partitions are signed, and each drop that the chain tells of has one."""
    cursor = columns.cursor(connection)
    cursor.execute(
        "SELECT table_name, partition, from_time, to_time, rows, seq, link, dropped_at, signature"
        " FROM ledger.dropped ORDER BY dropped_at, partition"
    )
    seen = set()
    for *facts, signature in cursor:
        partition = facts[1]
        seen.add(partition)
        if signature != proof.dropped(chain_key, facts):
            report.add("dropped", "ledger.dropped", partition, "its signature is not the sink's")
        elif view.signatures.get(partition, signature) != signature:
            report.add("dropped", "ledger.dropped", partition, "differs from what the chain says of it")
    for partition in sorted(view.signatures.keys() - seen):
        report.add("dropped", "ledger.dropped", partition, "its row is missing")


def _span(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first} to {last}"
