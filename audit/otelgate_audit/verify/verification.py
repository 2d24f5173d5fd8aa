"""One verification: the checks of chain, records, turns and announced heads, one after the other."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from tqdm import tqdm

from ..model import clock
from ..process import stores
from . import chain, heads, records, turns
from .findings import Report

_HEADS_KEPT: Final = timedelta(days=400)
# Much is joined, and by hash; the planner is to think of all rows, not of the first page. Parallel workers would take
# longer to start than most of the statements take.
_SESSION: Final = {
    "work_mem": "64MB",
    "jit": "off",
    "cursor_tuple_fraction": "1",
    "max_parallel_workers_per_gather": "0",
}


def verify(
    connection: psycopg.Connection[Any],
    chain_key: bytes,
    from_us: int | None = None,
    to_us: int | None = None,
    service: str | None = None,
    *,
    loki: stores.Store | None = None,
    heads_kept: timedelta = _HEADS_KEPT,
    kept: Path | None = None,
    files: Sequence[Path] = (),
    now_us: int | None = None,
) -> Report:
    """Check one snapshot of the store, while sinks may go on writing; times in microseconds since 1970.

    With `loki` also all heads announced within `heads_kept` until `now_us`, also those that the ledger has no
    entries for, as it may have been emptied; likewise all heads in `files`, and in `kept`, which a new system has not
    written yet. The connection must be in no transaction.
    """
    report, started = Report(), time.perf_counter()
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction():
        examine(connection, chain_key, report, from_us, to_us, service)
    connection.isolation_level = connection.read_only = None
    end = clock.now_us() if now_us is None else now_us
    sources = [heads.file(path) for path in files]
    if kept and kept not in files:
        sources.append(heads.file(kept, optional=True))
    if loki is not None:
        sources.append(heads.loki(loki, end - clock.length_us(heads_kept), end))
    for source in sources:
        heads.check(connection, chain_key, source, report, end)
        connection.rollback()
    if not sources:
        report.notes.append("announced heads not checked: left out")
    report.seconds = time.perf_counter() - started
    return report


def examine(
    connection: psycopg.Connection[Any],
    chain_key: bytes,
    report: Report,
    from_us: int | None = None,
    to_us: int | None = None,
    service: str | None = None,
) -> None:
    """Check what the connection's transaction sees."""
    for name, value in _SESSION.items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
    with _bar("entries", connection, "SELECT seq FROM ledger.head") as progress:
        view = chain.check(connection, chain_key, report, from_us, progress)
    with _bar("records", connection, "SELECT %s", [report.entries]) as progress:
        records.check(connection, view, report, from_us, to_us, service, progress)
    with _bar("turns", connection, "SELECT count(*) FROM audit.turns") as progress:
        turns.check(connection, chain_key, view, report, from_us, to_us, service, progress)


@contextmanager
def _bar(
    what: str, connection: psycopg.Connection[Any], total: str, parameters: list[Any] | None = None
) -> Iterator[Any]:
    """A progress bar, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda number: None
        return
    row = connection.execute(total, parameters).fetchone()
    with tqdm(total=row[0] if row else None, desc=what, unit="", unit_scale=True, leave=False) as bar:
        yield bar.update
