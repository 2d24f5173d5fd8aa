"""`otelgate-audit reconcile`: prints the gateway's counts and the stored rows side by side; see comparison.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Final

import click

from .. import command_line
from ..model import clock, database
from ..model.clock import DAY_US
from ..settings import Settings
from .comparison import by_service, notes, numbers, report, words
from .counted import PrometheusError
from .windows import Window

OPTIONS: Final = [
    *(
        click.Option(
            [f"--{end}", f"{end}_us"],
            type=command_line.time_us,
            metavar="TIME",
            help=f"{meaning} (ISO 8601; UTC unless it says)",
        )
        for end, meaning in (("from", "begin of the range; default: a day before its end"), ("to", "default: now"))
    ),
    command_line.as_json("print one JSON object a line, for scripts"),
]


def run(settings: Settings, options: SimpleNamespace) -> int:
    """Prints the windows, notes on stderr; the exit code is 1 if anything is missing, surplus or rejected."""
    end = options.to_us or clock.now_us()
    start = options.from_us or end - DAY_US
    if start >= end:
        print(f"--from {clock.iso(start)} --to {clock.iso(end)}: expected a begin before the end", file=sys.stderr)
        return 2
    with database.connect(settings.database_url, name="reconcile", password=settings.database_password) as connection:
        database.require_schema(connection)
        try:
            windows = report(connection, settings, start, end)
        except PrometheusError as error:
            print(error, file=sys.stderr)
            return 1
        for note in notes(connection, start, end):
            print(f"note: {note}", file=sys.stderr)
    for line in _json(windows) if options.as_json else _text(windows):
        print(line)
    return 1 if any(window.missing or window.surplus or window.rejected for window in windows) else 0


def _text(windows: list[Window]) -> Iterator[str]:
    """Windows with a difference, and a line for each service and quantity."""
    for window in sorted(windows, key=lambda each: each.from_us):
        if window.missing or window.surplus or window.rejected:
            yield f"{clock.iso(window.from_us)} {clock.iso(window.to_us)} {words(by_service([window])[0])}"
    totals = by_service(windows)
    yield from map(words, totals) if totals else ["nothing was counted or stored"]


def _json(windows: Iterable[Window]) -> Iterator[str]:
    for window in windows:
        where = {"service": window.service, "quantity": window.quantity.name}
        when = {"from": clock.iso(window.from_us), "to": clock.iso(window.to_us)}
        yield json.dumps({**where, **when, **numbers(window.quantity, window.numbers)}, default=float)
