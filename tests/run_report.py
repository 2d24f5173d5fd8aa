"""`make test-report`: what the last runs on this code measured, what took longest, and the sums on one line."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import junit
from otelgate_stack.report import Report, duration

MEASURED: Final = "measured"
"""The property under which a test records a figure for people: `record_property("measured", "…")`."""
_LONGEST: Final = 12


def show(runs: Sequence[junit.Run], report: Report) -> None:
    """The measurements, the files that took longest with what of it the longest test took, and the sums."""
    tests = [test for run in runs for test in run.tests]
    for test in tests:
        for name, value in test.properties:
            if name == MEASURED:
                report.line(f"{test.id.removeprefix('tests/')}: {value}")
    seconds: Counter[str] = Counter()
    for test in tests:
        seconds[test.file] += test.seconds  # type: ignore[assignment]
    report.line("\nwhat took longest, and its longest test:", "bold")
    for file, took in seconds.most_common(_LONGEST):
        longest = max((test for test in tests if test.file == file), key=lambda test: test.seconds)
        report.line(f"  {duration(took):>7}  {file}  {duration(longest.seconds)} {longest.id.partition('::')[2]}")
    ended = Counter(test.outcome for test in tests)
    report.line(
        f"{ended['passed']} passed, {ended['failed']} failed, {ended['skipped']} skipped in {len(runs)} runs: "
        + " + ".join(duration(run.seconds) for run in runs)
        + f" = {duration(sum(run.seconds for run in runs))}; "
        + f"the tests one after the other: {duration(sum(seconds.values()))}",
        "bold",
    )


def main(arguments: Sequence[str] | None = None, root: Path = junit.ROOT) -> int:
    """Exit status: 1 where this code was not tested yet, or, when strict, where a test was skipped."""
    parser = argparse.ArgumentParser(prog="make test-report ARGS=", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="exit 1 where a test was skipped")
    options = parser.parse_args(arguments)
    here = junit.code(root)
    runs = [run for run in junit.read(root) if here and run.code == here]
    if not runs:
        print(f"{root / junit.FOLDER}: expected a run on this code: `make test`", file=sys.stderr)
        return 1
    show(runs, Report())
    skipped = [test.id for run in runs for test in run.tests if test.outcome == "skipped"]
    if options.strict and skipped:
        print(f"skipped, and none may be: {', '.join(skipped)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
