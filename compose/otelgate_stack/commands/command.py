"""The commands share this: options, the engine, and where they print."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from ..engines import stack
from ..engines.engine import Engine
from ..report import Report
from ..settings import Settings

PATH: Final = click.Path(path_type=Path)

as_json: Final[Callable[[Any], Any]] = click.option("--json", "as_json", is_flag=True, help="print JSON, for scripts")


def progress(as_json: bool) -> Report:
    """Where progress goes: to stderr with `--json`, so that stdout has the JSON alone."""
    return Report(sys.stderr) if as_json else Report()


def print_json(value: Any) -> None:
    Report().line(json.dumps(value, indent=2))


def choose(settings: Settings, report: Report, output: Report | None = None) -> Engine:
    """The engine, with a line that names it. Where `output` is given, what the engine itself prints goes there."""
    engine, reason = stack.choose(settings, output or report)
    report.line(f"engine: {engine.name} ({reason})", "dim")
    return engine
