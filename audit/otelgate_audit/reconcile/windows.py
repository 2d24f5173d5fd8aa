"""Counts and rows by window; comparison.py compares them and explains the choice of edges.

Totals are cumulative from the first edge to the last, and a window is the difference of two of them. An hour is read at
a time.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from ..model import clock
from ..model.records import UNKNOWN_SERVICE
from ..process.stores import Store
from . import counted
from .counted import Counts
from .quantities import Quantity

WINDOW_US: Final = 300_000_000

_HOUR: Final = 12  # windows
_BEFORE_MS: Final = 60_000
"""How long before an edge a window may end."""
_LEAD_MS: Final = _BEFORE_MS + counted.LIVE_MS
_TAIL_MS: Final = 600_000
_LABEL_BYTES: Final = 400
"""Maximum length of the gateway's labels; a longer one is truncated and gets a hash (collector/derive/record.go)."""

NUMBERS: Final = ("counted", "stored", "rejected", "missing", "surplus")


@dataclass(frozen=True)
class Window:
    """A quantity of one service between two moments, microseconds since 1970; its numbers are the quantity's units."""

    quantity: Quantity
    service: str
    from_us: int
    to_us: int
    counted: int
    stored: int
    rejected: int

    @property
    def missing(self) -> int:
        return self._beyond(self.counted, self.stored + self.rejected)

    @property
    def surplus(self) -> int:
        return self._beyond(self.stored, self.counted)

    @property
    def numbers(self) -> dict[str, int]:
        """By `NUMBERS`."""
        return {name: getattr(self, name) for name in NUMBERS}

    def _beyond(self, one: int, other: int) -> int:
        return 0 if self.quantity.equal(one, other) else max(0, one - other)


class Tally(NamedTuple):
    """Units up to a moment."""

    counted: int = 0
    stored: int = 0
    rejected: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Tally) -> Tally:
        return Tally(*(a - b for a, b in zip(self, other, strict=True)))

    def under_way(self) -> int:
        """Received and not yet counted, up to a constant; see comparison.py."""
        return self.stored + self.rejected - self.counted


def edges(from_us: int, to_us: int) -> list[int]:
    """Both ends and the full five minutes between them."""
    inner = range((from_us // WINDOW_US + 1) * WINDOW_US, to_us, WINDOW_US)
    return [from_us, *inner, to_us] if from_us < to_us else []


def compare(
    connection: psycopg.Connection[Any],
    prometheus: Store,
    quantity: Quantity,
    edges: Sequence[int],
    now_us: int,
    *,
    final: bool = False,
) -> tuple[list[Window], int]:
    """A quantity's windows between edges (microseconds since 1970), and the edge up to which all services are known.

    `final`: up to the last edge, even if it is not known. Raises PrometheusError.
    """
    if not edges:
        return [], 0
    windows: list[Window] = []
    rejects = _rejects(connection, quantity, edges[0])
    began: dict[str, tuple[int, Tally]] = {}  # for each service, the start of its window and its tally there
    for first in range(0, len(edges) - 1, _HOUR):
        part = _Part(connection, prometheus, quantity, edges[first : first + _HOUR + 1], rejects, now_us)
        start, end = part.edges[0], part.edges[-1]
        # Each part counts from its own start, so the shared edge gives the offset between them.
        began = {service: (edge, tally.plus(part.tally(service, start))) for service, (edge, tally) in began.items()}
        for service in part.services - began.keys():
            began[service] = (start, part.best(service, start))
        for edge in part.edges[1:]:
            for service in sorted(began):
                if part.unsure(service, edge) and not (final and edge == edges[-1]):
                    continue
                since, before = began[service]
                after = part.best(service, edge)
                difference = after.minus(before)
                if any(difference) or part.lives(service, since, edge):
                    windows.append(Window(quantity, service, since, edge, *difference))
                began[service] = (edge, after)
        began = {service: (edge, tally.minus(part.tally(service, end))) for service, (edge, tally) in began.items()}
    return windows, min((edge for edge, _ in began.values()), default=edges[-1])


class _Rejected(NamedTuple):
    service: str
    received_us: int
    units: int


class _Part:
    """The known tallies at some edges (microseconds)."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        prometheus: Store,
        quantity: Quantity,
        edges: Sequence[int],
        rejects: Sequence[_Rejected],
        now_us: int,
    ) -> None:
        self.edges = edges
        begin, end = edges[0] // 1000 - _LEAD_MS, min(edges[-1] // 1000 + _TAIL_MS, now_us // 1000)
        self._counts = counted.read(prometheus, quantity, begin, max(end, edges[-1] // 1000))
        self._latest = max((each.times[-1] for c in self._counts.values() for each in c.series), default=0)
        self._more = end < now_us // 1000  # Prometheus could be asked for later samples
        self._moments = sorted({time for c in self._counts.values() for edge in edges for time in _choice(c, edge)})
        self._moments = sorted({*self._moments, *(edge // 1000 for edge in edges)})
        self._stored = _stored(connection, quantity, self._moments)
        self._rejected = _rejected(rejects, self._moments)
        self.services = {*self._counts, *self._stored, *self._rejected}

    def tally(self, service: str, edge: int) -> Tally:
        return self._at(service, edge // 1000)

    def best(self, service: str, edge: int) -> Tally:
        """The tally just before an edge with the fewest runs in flight; the latest of equal ones."""
        choice = _choice(self._counts.get(service, Counts()), edge)
        tallies = (self._at(service, moment) for moment in sorted(choice, reverse=True))
        return min(tallies, key=Tally.under_way)

    def unsure(self, service: str, edge: int) -> bool:
        """The count up to this edge is unknown, or not yet known."""
        if service in self._counts and self._counts[service].unsure(edge // 1000):
            return True
        return self._more and self._latest <= edge // 1000 - counted.LIVE_MS

    def lives(self, service: str, from_us: int, to_us: int) -> bool:
        return service in self._counts and bool(self._counts[service].times(from_us // 1000, to_us // 1000))

    def _at(self, service: str, moment: int) -> Tally:
        at = bisect_right(self._moments, moment) - 1
        return Tally(
            self._counts[service].at(moment) if service in self._counts else 0,
            self._stored[service][at] if service in self._stored else 0,
            self._rejected[service][at] if service in self._rejected else 0,
        )


def _choice(counts: Counts, edge: int) -> set[int]:
    """The moments (ms) at which a window may end instead of at this edge, and the edge.

    The first of them need not have a sample: a service whose first run is under way at the edge has none before it.
    """
    first, last = edge // 1000 - _BEFORE_MS, edge // 1000
    return {first, last, *counts.times(first, last)}


def _stored(connection: psycopg.Connection[Any], quantity: Quantity, moments: Sequence[int]) -> dict[str, list[int]]:
    """Sums over each service's rows, received up to each moment and after the time within which an edge may move."""
    # A sample's time is truncated to whole milliseconds, so the sample includes its whole millisecond.
    ends = [clock.from_us(moment * 1000 + 1000) for moment in moments]
    statement = sql.SQL(
        "SELECT service, width_bucket(received_at, %(ends)s::timestamptz[]) AS place, sum({amount}) FROM {table}"
        " WHERE {counts} AND received_at >= %(from)s AND received_at < %(to)s GROUP BY 1, 2"
    ).format(amount=sql.SQL(quantity.stored), table=sql.SQL(quantity.table), counts=sql.SQL(quantity.counts))
    rows = connection.execute(
        statement, {"ends": ends, "from": ends[0] - timedelta(milliseconds=_LEAD_MS), "to": ends[-1]}
    ).fetchall()
    found = [(_label(service), place, round(amount * quantity.scale)) for service, place, amount in rows]
    return _totals(found, len(moments))


def _rejected(rejects: Sequence[_Rejected], moments: Sequence[int]) -> dict[str, list[int]]:
    begin, end = moments[0] - _LEAD_MS, moments[-1]
    ends = [moment + 1 for moment in moments]
    return _totals(
        [
            (each.service, bisect_right(ends, each.received_us // 1000), each.units)
            for each in rejects
            if begin <= each.received_us // 1000 <= end
        ],
        len(moments),
    )


def _totals(found: Sequence[tuple[str, int, int]], places: int) -> dict[str, list[int]]:
    """(service, place, units) to running totals."""
    totals: dict[str, list[int]] = {}
    for service, place, count in found:
        totals.setdefault(service, [0] * places)[place] += count
    return {service: list(accumulate(counts)) for service, counts in totals.items()}


def _rejects(connection: psycopg.Connection[Any], quantity: Quantity, from_us: int) -> list[_Rejected]:
    """Rejects that may belong to the time since then; a record that arrived several times counts once."""
    statement = sql.SQL(
        "SELECT DISTINCT ON (trace_id, record, CASE WHEN record IS NULL THEN id END)"
        " service, coalesce(received_at, arrived_at), {amount}"
        " FROM content.rejects WHERE {rejects} AND arrived_at >= %(from)s"
        " ORDER BY trace_id, record, CASE WHEN record IS NULL THEN id END, arrived_at"
    ).format(amount=sql.SQL(quantity.rejected), rejects=sql.SQL(quantity.rejects))
    rows = connection.execute(statement, {"from": clock.from_us(from_us - 1000 * _LEAD_MS)}).fetchall()
    return [
        _Rejected(_label(service or UNKNOWN_SERVICE), clock.to_us(received), round(amount * quantity.scale))
        for service, received, amount in rows
    ]


def unstamped(connection: psycopg.Connection[Any], from_us: int, to_us: int) -> dict[str, int]:
    """Model calls of each service that began in the range and are not compared, as the gateway that sent them
    set no time of receipt."""
    rows = connection.execute(
        "SELECT service, count(*) FROM audit.model_calls WHERE received_at IS NULL AND duplicate_of IS NULL"
        " AND start_time >= %s AND start_time < %s GROUP BY service ORDER BY service",
        [clock.from_us(from_us), clock.from_us(to_us)],
    ).fetchall()
    return dict(rows)


def _label(service: str) -> str:
    raw = service.encode()
    if len(raw) <= _LABEL_BYTES:
        return service
    tail = "…" + hashlib.sha256(raw).hexdigest()[:16]
    return raw[: _LABEL_BYTES - len(tail.encode())].decode(errors="ignore") + tail
