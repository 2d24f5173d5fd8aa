"""Reconciliation: compares the gateway's counts with the stored rows, per service, over 5-minute windows.

There are three quantities (quantities.py): runs, model calls, and the cost of the calls. The gateway counts them
(`otelgate.run.count`, `otelgate.call.count`, `otelgate.call.cost`; resent data once) in a branch that is independent of
the audit's. Each row has the time when the gateway received it (`otelgate.run.received_at`,
`otelgate.call.received_at`), so rows are counted by that time, however late they arrived. Counted and not stored is
missing; stored and not counted is surplus; refused for a reason (content.rejects) is rejected, and not missing. The
gateway sums costs in floating point: a difference of a millionth of a dollar, or of 1e-9 of the cost, is ignored.

**Edges.** The counter is known at each sample: each second in which it moved, else each 15 s. A run is stamped, then
counted a moment later, then a sample is written, whose time is taken after everything in it was counted.
So while nothing is lost,

    counter(t) <= rows received by t        at any t, with the last sample of each series up to t,

and the two differ by the runs in flight at that time. A window therefore doesn't end at the full five minutes, but at
one of the samples of the last minute before, at the start of that minute, or at the edge itself: the fewest runs, in
practice none, are in flight at the highest `counter - rows`. Rows are counted up to that same moment, and the next
window starts there. So each run is counted in exactly one window, and a loss stays in the sum of all windows, wherever
they end.

- A late row changes an earlier result: windows with a difference are compared again, for a day.
- If Prometheus was unavailable, the counter jumps at an unknown time. An edge in such a gap is left out, and its
  windows are merged.
- After a kill -9 the gateway's last second of counts is lost: rows are surplus, and none are missing. Then only the
  sender's own list is exact.
- The gateway recognises a resent run from its memory. A run that is resent across the gateway's restart, or to another
  gateway, is counted twice and seems missing.
- Several gateways write at different times, so at each of these some runs of the others are in flight. With hundreds of
  runs a second, a few seem missing in one window and surplus in the next. Over a longer range they cancel out.
- Counts in a counter's overflow series (over 2,000 series) belong to no service: their rows are surplus.
- Calls from a gateway or a sink before revision 0002 have no time, and are left out (`unstamped`): such a gateway
  didn't count them either. Upgrade the sink first.

Below, statements about runs hold for each quantity.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import psycopg

from ..model import clock
from ..model.clock import DAY_US
from ..process import stores
from ..settings import Settings
from .quantities import QUANTITIES, Quantity, written
from .windows import NUMBERS, WINDOW_US, Window, compare, edges, unstamped

_GRACE_US: Final = 60_000_000
"""A window is closed this long after its end: until then counts and rows may be in flight."""
_TITLES: Final = {each.name: each.title for each in QUANTITIES}


def check(connection: psycopg.Connection[Any], settings: Settings, now_us: int) -> list[Window]:
    """Compare the windows that closed since the last run, and again those of the last day that showed a difference.

    Writes them to audit.reconciliation and returns them. Begins with the first window after the store's first commit.
    Raises PrometheusError; then nothing is written.
    """
    prometheus = stores.prometheus(settings)
    limit = (now_us - _GRACE_US) // WINDOW_US * WINDOW_US
    windows: list[Window] = []
    for quantity in QUANTITIES:
        for start, end in _due(connection, quantity, limit):
            found, known = compare(connection, prometheus, quantity, edges(start, end), now_us)
            while known < end < limit:  # the counter jumps later: extend the range until it is known
                end = min(limit, end + (end - start))
                found, known = compare(connection, prometheus, quantity, edges(start, end), now_us)
            windows += [window for window in found if window.to_us <= known]
    with connection.transaction():
        _write(connection, windows, now_us)
    return windows


def report(connection: psycopg.Connection[Any], settings: Settings, from_us: int, to_us: int) -> list[Window]:
    """Compare any range, up to now; writes nothing. Its first and last window may be shorter, or still open.

    Raises PrometheusError. Rows older than Prometheus' retention are surplus; counts older than the store's are
    missing.
    """
    prometheus = stores.prometheus(settings)
    now_us = clock.now_us()
    wanted = edges(from_us, min(to_us, now_us))
    windows: list[Window] = []
    for quantity in QUANTITIES:
        windows += compare(connection, prometheus, quantity, wanted, now_us, final=True)[0]
    return windows


def by_service(windows: Iterable[Window]) -> list[dict[str, Any]]:
    """The sums over the windows, of each service and quantity: both names, and `NUMBERS` in runs, calls or USD."""
    totals: dict[tuple[str, Quantity], Counter[str]] = defaultdict(Counter)
    for window in windows:
        totals[window.service, window.quantity].update(window.numbers)
    return [
        {"service": service, "quantity": quantity.name, **numbers(quantity, units)}
        for (service, quantity), units in sorted(totals.items(), key=_order)
    ]


def notes(connection: psycopg.Connection[Any], from_us: int, to_us: int) -> list[str]:
    """Notes on the parts of the range that could not be compared."""
    return [
        f"{number} model calls of {service} have no time of receipt at the gateway (stored before it gave one):"
        " they and their cost were not compared"
        for service, number in unstamped(connection, from_us, to_us).items()
    ]


def words(compared: Mapping[str, Any]) -> str:
    """An entry of `by_service` as a line."""
    title = _TITLES[compared["quantity"]]
    return f"{title} of {compared['service']}: " + ", ".join(f"{name} {written(compared[name])}" for name in NUMBERS)


def _due(connection: psycopg.Connection[Any], quantity: Quantity, limit: int) -> list[tuple[int, int]]:
    """The ranges to compare, in whole windows: disjoint, oldest first."""
    oldest = limit - DAY_US
    rows = connection.execute(
        "SELECT from_time, to_time, missing > 0 OR surplus > 0 FROM audit.reconciliation"
        " WHERE quantity = %s AND from_time >= %s",
        [quantity.name, clock.from_us(oldest)],
    ).fetchall()
    progress = max((clock.to_us(to) for _, to, _ in rows), default=_beginning(connection, quantity, oldest))
    # The window after one with a difference begins at that one's end, which may move.
    ranges = [(clock.to_us(start), min(limit, clock.to_us(to) + WINDOW_US)) for start, to, differs in rows if differs]
    if progress < limit:
        ranges.append((progress, limit))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _beginning(connection: psycopg.Connection[Any], quantity: Quantity, oldest: int) -> int:
    """The start if nothing of the last day was compared."""
    row = connection.execute(
        "SELECT coalesce((SELECT min(committed_at) FROM ledger.entries), (SELECT committed_at FROM ledger.head)),"
        " EXISTS (SELECT FROM audit.reconciliation WHERE quantity = %s)",
        [quantity.name],
    ).fetchone()
    assert row
    first, compared_before = row
    # Before the store's first commit there may have been a gateway and no sink.
    return oldest if compared_before else max(oldest, -(-clock.to_us(first) // WINDOW_US) * WINDOW_US)


def _write(connection: psycopg.Connection[Any], windows: Iterable[Window], now_us: int) -> None:
    for window in windows:
        values = (window.quantity.name, window.service, clock.from_us(window.from_us), clock.from_us(window.to_us))
        connection.execute(
            "DELETE FROM audit.reconciliation WHERE quantity = %s AND service = %s AND to_time > %s AND from_time < %s",
            values,
        )
        connection.execute(
            "INSERT INTO audit.reconciliation (quantity, service, from_time, to_time, counted, stored, rejected,"
            " missing, surplus, checked_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*values, *numbers(window.quantity, window.numbers).values(), clock.from_us(now_us)),
        )


def numbers(quantity: Quantity, units: Mapping[str, int]) -> dict[str, Any]:
    """`NUMBERS` of units in runs, calls or USD."""
    return {name: quantity.number(units[name]) for name in NUMBERS}


def _order(total: tuple[tuple[str, Quantity], Any]) -> tuple[str, int]:
    (service, quantity), _ = total
    return service, QUANTITIES.index(quantity)
