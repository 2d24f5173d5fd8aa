"""`make logs` of the native engine: the services' log files, each line after its service's name."""

import itertools
import os
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from ..report import Report

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue")
_LAST_LINES = 100


def last_lines(file: Path, count: int) -> list[str]:
    """The last lines of a log, without their ends; none if there is no such file."""
    try:
        with file.open(errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, count)]
    except FileNotFoundError:
        return []


def show(files: Mapping[str, Path], report: Report, follow: bool) -> None:
    """Print the last 100 lines of each file; with `follow` go on with what is added, until Ctrl-C."""
    width = max(map(len, files))
    prefix = {
        name: report.style(f"{name.ljust(width)} |", colour)
        for name, colour in zip(files, itertools.cycle(_COLOURS), strict=False)
    }
    opened: dict[str, TextIO] = {}
    for name, file in files.items():
        if follow and file.exists():
            opened[name] = file.open(errors="replace")
            opened[name].seek(0, 2)
        for line in last_lines(file, _LAST_LINES):
            report.line(f"{prefix[name]} {line}")
    while follow:
        for name, file in files.items():
            for line in _added(name, file, opened):
                report.line(f"{prefix[name]} {line.rstrip()}")
        time.sleep(0.3)


def _added(name: str, file: Path, opened: dict[str, TextIO]) -> list[str]:
    """New lines; a file that was rotated away is read to its end first."""
    lines = opened[name].readlines() if name in opened else []
    if file.exists() and (name not in opened or not os.path.samestat(file.stat(), os.fstat(opened[name].fileno()))):
        if name in opened:
            opened.pop(name).close()
        opened[name] = file.open(errors="replace")
    return lines
