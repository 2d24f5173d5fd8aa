"""The findings of a verification, as text and numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from ..model import clock

KEPT: Final = 1_000
"""Findings kept one by one; all are counted."""


UNCHECKED: Final = "unchecked"
"""The code of findings that say what could not be checked: nothing is known to be wrong there, or to be right."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `where`: the table; `record`: which row; `what`: what is wrong with it, in words."""

    code: str
    where: str
    record: str
    what: str

    def __str__(self) -> str:
        return f"{self.where} {self.record}: {self.what}"


@dataclass
class Report:
    """Findings, what was left out, and how much was checked."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    records: int = 0
    gone: int = 0
    """Entries whose rows retention deleted."""
    turns: int = 0
    announced: set[int] = field(default_factory=set)
    """A number for each announced head, the same whichever witness has it."""
    seconds: float = 0.0

    def add(self, code: str, where: str, record: str, what: str) -> None:
        self.counts[code, where] += 1
        if len(self.findings) < KEPT:
            self.findings.append(Finding(code, where, record, what))

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def heads(self) -> int:
        return len(self.announced)

    @property
    def unchecked(self) -> int:
        """Of `total`, what could not be checked."""
        return sum(number for (code, _), number in self.counts.items() if code == UNCHECKED)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": not self.total,
            "findings": [vars(each) for each in self.findings],
            "counts": [{"code": code, "where": where, "count": n} for (code, where), n in sorted(self.counts.items())],
            "notes": self.notes,
            "entries": self.entries,
            "records": self.records,
            "gone": self.gone,
            "turns": self.turns,
            "heads": self.heads,
            "seconds": round(self.seconds, 3),
        }


def when(time_us: int) -> str:
    """Microseconds since 1970 in words; as a number where no calendar has it."""
    try:
        return clock.from_us(time_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except OverflowError:
        return str(time_us)


def named(start_us: int, trace_id: str | None, record: str) -> str:
    """How a finding names a record."""
    return f"{trace_id}/{record} of {when(start_us)}" if trace_id else f"{record} of {when(start_us)}"
