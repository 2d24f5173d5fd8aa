"""`otelgate-audit verify`: checks that the store still says what was committed. LEDGER.md says what that proves."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import click
import psycopg

from .. import command_line
from ..ledger import witness
from ..model import clock, database
from ..model.clock import DAY_US
from ..process import stores
from ..reconcile import comparison
from ..reconcile.counted import PrometheusError
from ..reconcile.quantities import QUANTITIES, written
from ..settings import Settings
from .findings import UNCHECKED, Report
from .verification import verify

_SHOWN: Final = 20


OPTIONS: Final = [
    click.Option(
        ["--from", "from_us"], type=command_line.time_us, metavar="TIME", help="records that start at or after it"
    ),
    click.Option(["--to", "to_us"], type=command_line.time_us, metavar="TIME", help="records that start before it"),
    click.Option(["--service"], help="only this application's records; the chain is always checked for all"),
    command_line.flag("--no-loki", text="there is no Loki: leave out the heads that it keeps"),
    click.Option(
        ["--heads"],
        type=command_line.PATH,
        metavar="FILE",
        help="check the heads in this file, too: the lines that a webhook got",
    ),
    command_line.as_json(),
]


def run(settings: Settings, options: SimpleNamespace) -> int:
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
                kept=_witness_file(settings),
                files=[options.heads] if options.heads else [],
            )
        reconciled = _reconciliation(settings, options.from_us, options.to_us, report)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, database.SchemaError) as error:
        print(f"can't check: {str(error).strip().partition(chr(10))[0]}", file=sys.stderr)
        return 2
    if settings.witness and not witness.file_of(settings.witness) and not options.heads:
        report.notes.append("the witness is a webhook, which can't be read: give the lines that it got by --heads FILE")
    kept = _witness_file(settings)
    without_heads = options.no_loki and not options.heads and not (kept and os.path.exists(kept))
    _check_anything(report, reconciled, without_heads=without_heads)
    faults = _faults(report, reconciled if isinstance(reconciled, list) else [])
    if options.as_json:
        whole = {**report.as_json(), "ok": not faults, "reconciliation": reconciled}
        print(json.dumps(whole, default=float))
    else:
        _print_reconciled(reconciled)
        _print(report, faults)
    return (2 if faults == [_unchecked(report)] else 1) if faults else 0


def _witness_file(settings: Settings) -> Path | None:
    """The file to which the sink writes heads."""
    return witness.file_of(settings.witness) if settings.witness else None


def _reconciliation(
    settings: Settings, from_us: int | None, to_us: int | None, report: Report
) -> list[dict[str, Any]] | str:
    """The gateway's counts and the stored rows (comparison.by_service), for the last day without a range; or the
    reason why not. The report gets a note for each part that could not be compared."""
    # Records of the last minute may still be in flight.
    end = to_us if to_us is not None else clock.now_us() - 60_000_000
    start = from_us if from_us is not None else end - DAY_US
    try:
        with database.connect(settings.database_url, name="verify", password=settings.database_password) as connection:
            compared = comparison.by_service(comparison.report(connection, settings, start, end))
            report.notes += comparison.notes(connection, start, end)
    except PrometheusError as error:
        return f"reconciliation left out: {error}"
    return compared


def _faults(report: Report, reconciled: list[dict[str, Any]]) -> list[str]:
    """The reasons for exit status 1, as text."""
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
        f" {report.records} records ({report.gone} deleted by retention), {report.turns} turns,"
        f" {report.heads} announced heads in {report.seconds:.1f} s ({rate:.0f} records/s)"
    )


def _print_reconciled(reconciled: list[dict[str, Any]] | str) -> None:
    if isinstance(reconciled, str):
        print(f"note: {reconciled}")
        return
    for each in reconciled:
        print(comparison.words(each))
