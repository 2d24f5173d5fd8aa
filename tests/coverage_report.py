"""`make coverage-report`: which of the owed rows (coverage/rows.yaml) tests have shown, in runs that really happened.

A row is done where a test that names it passed, and none that names it failed, on the very code that is here now (every
file but Markdown). A run on other code is stale: it is listed, and counts for nothing without --stale.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import coverage_plugin
import junit
import yaml
from otelgate_stack.report import Report

ROOT = Path(__file__).resolve().parents[1]
_STYLES = {"done": "green", "failed": "red", "not": "red", "stale": "yellow", "skipped": "yellow"}
_SIGNS = {"done": "✓", "failed": "✗", "not": "·", "stale": "~", "skipped": "~"}


@dataclass
class Row:
    """`state`: done, failed, skipped, stale, not; of rows that are not due yet and not done: later, console."""

    group: str
    id: str
    text: str
    owed: str = "now"
    state: str = "not"
    tests: list[str] = field(default_factory=list)

    @property
    def due(self) -> bool:
        return self.owed == "now"


@dataclass(frozen=True)
class Outcome:
    """How one test ended the last time that it ran on some code; `at`: when that run began, in Unix seconds."""

    test: str
    rows: tuple[str, ...]
    outcome: str
    at: float
    fresh: bool


def read(root: Path, *, stale: bool = False) -> list[Outcome]:
    """The last outcome of each test that shows a row: on the code that is here now, else on other.

    `stale`: other code counts as this one. Outcomes of a deleted test file are ignored.
    """
    found: dict[tuple[str, bool], Outcome] = {}
    here = junit.code(root)
    for run in junit.read(root):
        fresh = stale or (bool(here) and run.code == here)
        for test in run.tests:
            shown = tuple(sorted({value for name, value in test.properties if name == coverage_plugin.PROPERTY}))
            if shown and (root / test.file).exists():
                found[test.id, fresh] = Outcome(test.id, shown, test.outcome, run.at, fresh)
    return [outcome for (name, fresh), outcome in found.items() if fresh or (name, True) not in found]


def rows(text: str, outcomes: Iterable[Outcome]) -> list[Row]:
    """Every row of rows.yaml, with its state."""
    by_row: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        for row in outcome.rows:
            by_row.setdefault(row, []).append(outcome)
    found = []
    for group, entries in yaml.safe_load(text).items():
        for name, entry in entries.items():
            given = entry if isinstance(entry, dict) else {"text": entry}
            owed = next((word for word in ("later", "console") if given.get(word)), "now")
            row = Row(group, name, given["text"], owed)
            row.state, row.tests = _state(by_row.get(name, []), owed)
            found.append(row)
    return found


def _state(outcomes: Sequence[Outcome], owed: str) -> tuple[str, list[str]]:
    fresh = [outcome for outcome in outcomes if outcome.fresh]
    ended = {outcome.outcome for outcome in fresh}
    if "failed" in ended:
        return "failed", sorted(outcome.test for outcome in fresh if outcome.outcome == "failed")
    if "passed" in ended:
        return "done", sorted(outcome.test for outcome in fresh if outcome.outcome == "passed")
    if fresh:
        return "skipped", sorted(outcome.test for outcome in fresh)
    if outcomes:
        return "stale", sorted(outcome.test for outcome in outcomes)
    return ("not" if owed == "now" else owed), []


def totals(found: Sequence[Row]) -> dict[str, int]:
    due = [row for row in found if row.due]
    return {
        "done": sum(row.state == "done" for row in found),
        "all": len(found),
        "due_done": sum(row.state == "done" for row in due),
        "due": len(due),
        "later": sum(row.owed == "later" for row in found),
        "console": sum(row.owed == "console" for row in found),
    }


def show(found: Sequence[Row], outcomes: Sequence[Outcome], report: Report) -> None:
    """The table, a group after the other."""
    for group in dict.fromkeys(row.group for row in found):
        members = [row for row in found if row.group == group]
        report.line(f"\n{group}: {sum(row.state == 'done' for row in members)} of {len(members)}", "bold")
        for row in members:
            state = report.style(f"{_SIGNS.get(row.state, ' ')} {row.state:8}", _STYLES.get(row.state, "dim"))
            report.line(f"  {state}{row.id:6} {row.text:58} {report.style(_by(row.tests), 'dim')}".rstrip())
    sums = totals(found)
    report.line(f"\nrows done / rows in all: {sums['done']} / {sums['all']}", "bold")
    besides = f"{sums['later']} rows are for later, {sums['console']} are the console's"
    report.line(f"of those due now: {sums['due_done']} / {sums['due']} ({besides})", "bold")
    for fresh, words in ((True, "that count"), (False, "on other code, which count for nothing: run them again")):
        chosen = [outcome for outcome in outcomes if outcome.fresh is fresh]
        if chosen:
            ends = {end: sum(one.outcome == end for one in chosen) for end in ("passed", "failed", "skipped")}
            counts = ", ".join(f"{number} {end}" for end, number in ends.items() if number)
            times = [time.strftime("%F %H:%M", time.localtime(pick(one.at for one in chosen))) for pick in (min, max)]
            report.line(f"tests {words}: {counts}; {times[0]} to {times[1]}")


def _by(tests: Sequence[str]) -> str:
    """The first test and how many more."""
    if not tests:
        return ""
    return tests[0].removeprefix("tests/") + (f" +{len(tests) - 1}" if len(tests) > 1 else "")


def run(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Exit status: 1 with --strict where a row that is due is not done."""
    parser = argparse.ArgumentParser(prog="make coverage-report", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="rows, totals and tests as JSON")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a row that is due is not done")
    parser.add_argument("--stale", action="store_true", help="count what ran on other code too")
    options = parser.parse_args(arguments)
    outcomes = read(root, stale=options.stale)
    found = rows(coverage_plugin.ROWS.read_text(), outcomes)
    if options.json:
        answer: dict[str, Any] = {"totals": totals(found), "rows": [asdict(row) for row in found]}
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        show(found, outcomes, Report())
    return int(options.strict and any(row.due and row.state != "done" for row in found))


if __name__ == "__main__":
    sys.exit(run())
