"""`otelgate-audit verify`: checks that the store still says what was committed. LEDGER.md says what that proves."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from tqdm import tqdm

from ..ledger import witness
from ..model import database
from ..model.partitions import DAY_US, micros
from ..process import stores
from ..reconcile import comparison as reconcile
from ..reconcile.quantities import QUANTITIES, written
from ..settings import Settings
from . import chain, conversations, heads, records
from .findings import UNCHECKED, Report

_SHOWN: Final = 20
_HEADS_KEPT: Final = timedelta(days=400)
# Much is joined, and by hash; the planner is to think of all rows, not of the first page. Parallel workers would take
# longer to start than most of the statements take.
_SESSION: Final = {
    "work_mem": "64MB",
    "jit": "off",
    "cursor_tuple_fraction": "1",
    "max_parallel_workers_per_gather": "0",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="from_us", type=moment, metavar="TIME", help="records that start at or after it")
    parser.add_argument("--to", dest="to_us", type=moment, metavar="TIME", help="records that start before it")
    parser.add_argument("--service", help="only this application's records; the chain is always checked for all")
    parser.add_argument("--no-loki", action="store_true", help="there is no Loki: leave out the heads that it keeps")
    parser.add_argument(
        "--heads", type=Path, metavar="FILE", help="check the heads in this file, too: the lines that a webhook got"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """0: nothing found; 1: findings; 2: no findings but what could not be checked."""
    try:
        chain_key = settings.chain_key
        with database.connect(settings.database_url, name="verify", password=settings.database_password) as connection:
            database.require_schema(connection)
            connection.rollback()
            report = verify(
                connection,
                chain_key,
                options.from_us,
                options.to_us,
                options.service,
                loki=None if options.no_loki else stores.loki(settings),
                heads_kept=max(settings.retention_audit, settings.retention_events),
                kept=_kept(settings),
                files=[options.heads] if options.heads else [],
            )
        reconciled = _reconciliation(settings, options.from_us, options.to_us, report)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, database.SchemaError) as error:
        print(f"can't check: {str(error).strip().partition(chr(10))[0]}", file=sys.stderr)
        return 2
    if settings.witness and not witness.file_of(settings.witness) and not options.heads:
        report.notes.append("the witness is a webhook, which can't be read: give the lines that it got by --heads FILE")
    kept = _kept(settings)
    without_heads = options.no_loki and not options.heads and not (kept and os.path.exists(kept))
    _check_anything(report, reconciled, without_heads=without_heads)
    faults = _faults(report, reconciled if isinstance(reconciled, list) else [])
    if options.json:
        whole = {**report.as_json(), "ok": not faults, "reconciliation": reconciled}
        print(json.dumps(whole, default=float))
    else:
        _print_reconciled(reconciled)
        _print(report, faults)
    return (2 if faults == [_unchecked(report)] else 1) if faults else 0


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
    end = micros(datetime.now(UTC)) if now_us is None else now_us
    sources = [heads.file(path) for path in files]
    if kept and kept not in files:
        sources.append(heads.file(kept, optional=True))
    if loki is not None:
        sources.append(heads.loki(loki, end - heads_kept // timedelta(microseconds=1), end))
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
    with _bar("conversations", connection, "SELECT count(*) FROM audit.conversations") as progress:
        conversations.check(connection, chain_key, view, report, from_us, to_us, service, progress)


def _kept(settings: Settings) -> Path | None:
    """The file to which the sink writes heads."""
    return witness.file_of(settings.witness) if settings.witness else None


def moment(text: str) -> int:
    """A date or time, UTC unless it says otherwise, in microseconds since 1970. Raises argparse.ArgumentTypeError."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected a date or time such as 2026-01-31 or 2026-01-31T12:00"
        raise argparse.ArgumentTypeError(f"{text!r}: {expected}") from None
    return micros(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


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


def _reconciliation(
    settings: Settings, from_us: int | None, to_us: int | None, report: Report
) -> list[dict[str, Any]] | str:
    """What the gateway counted beside what is stored (reconcile.by_service), for the last day without a range; or why
    not. What could not be compared becomes a note of the report."""
    # What came within the last minute may still be on its way.
    end = to_us if to_us is not None else micros(datetime.now(UTC)) - 60_000_000
    start = from_us if from_us is not None else end - DAY_US
    try:
        with database.connect(settings.database_url, name="verify", password=settings.database_password) as connection:
            compared = reconcile.by_service(reconcile.report(connection, settings, start, end))
            report.notes += reconcile.notes(connection, start, end)
    except reconcile.PrometheusError as error:
        return f"reconciliation left out: {error}"
    return compared


def _faults(report: Report, reconciled: list[dict[str, Any]]) -> list[str]:
    """What makes the exit status 1, in words."""
    wrong = report.total - report.unchecked
    faults = [f"{wrong} findings"] if wrong else []
    if report.unchecked:
        faults.append(_unchecked(report))
    for quantity in QUANTITIES:
        missing = sum(each["missing"] for each in reconciled if each["quantity"] == quantity.name)
        if missing:
            faults.append(f"{written(missing)} {quantity.title} missing")
    return faults


def _unchecked(report: Report) -> str:
    return f"{report.unchecked} could not be checked"


def _check_anything(report: Report, reconciled: list[dict[str, Any]] | str, *, without_heads: bool) -> None:
    """Report an empty ledger as unchecked unless a witness or Prometheus confirms that there were no records."""
    if without_heads and isinstance(reconciled, str) and not report.entries and not report.records and not report.total:
        what = "could not be checked: it is empty, Loki was left out, and Prometheus did not answer"
        report.add(UNCHECKED, "ledger.entries", "all entries", what)


def _print(report: Report, faults: list[str]) -> None:
    """The last line begins with `ok` only where the exit status is 0."""
    for finding in report.findings[:_SHOWN]:
        print(finding)
    if report.total > _SHOWN:
        print(f"... and {report.total - _SHOWN} more:")
        for (code, where), number in sorted(report.counts.items()):
            print(f"  {where}: {number} {code}")
    for note in report.notes:
        print(f"note: {note}")
    rate = report.records / report.seconds if report.seconds else 0
    print(
        f"{', '.join(faults) or 'ok'}: {report.entries} entries,"
        f" {report.records} records ({report.gone} deleted by retention), {report.conversations} conversations,"
        f" {report.heads} announced heads in {report.seconds:.1f} s ({rate:.0f} records/s)"
    )


def _print_reconciled(reconciled: list[dict[str, Any]] | str) -> None:
    if isinstance(reconciled, str):
        print(f"note: {reconciled}")
        return
    for each in reconciled:
        print(reconcile.words(each))
