"""Asks every query of every dashboard as a browser would: lists those that fail or are empty, and the slowest.

    python -m otelgate_console.asking --window 7d                    every dashboard, against the stack that runs
    python -m otelgate_console.asking --dashboard ai-cost --empty    only what returns nothing

Addresses come from the stack's settings. Exit code 1: a query failed, or one was empty that should not be.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from otelgate_stack import settings

from ..stack import rendered, stores
from . import dashboards, panels
from .panels import Answer
from .window import Window, duration


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m otelgate_console.asking", description=__doc__)
    parser.add_argument("--window", default="6h", type=duration, help="how far back: 30m, 6h, 7d (default: 6h)")
    parser.add_argument("--dashboard", action="append", help="only this one, by its name; may be given several times")
    parser.add_argument("--empty", action="store_true", help="list queries that are normally empty, too")
    options = parser.parse_args(arguments)
    loaded = settings.load()
    now, where, bad = time.time(), stores(loaded), 0
    for name, dashboard in dashboards.load(rendered(loaded)).items():
        if options.dashboard and name not in options.dashboard:
            continue
        started = time.monotonic()
        answers = panels.ask(dashboard, where, Window(now - options.window, now))
        took = time.monotonic() - started
        bad += sum(not answer.good for answer in answers)
        slowest = max(answers, key=lambda answer: answer.result.seconds)
        print(f"{name:20} {len(answers):3} queries {took:6.2f} s  ", end="")
        print(f"slowest {slowest.result.seconds:.2f} s: {slowest.panel.title}")
        for answer in answers:
            if not answer.good or (options.empty and not answer.result.rows):
                print(f"    {answer.panel.title} {answer.query.ref_id}: {_reason(answer)}")
    return 1 if bad else 0


def _reason(answer: Answer) -> str:
    reason = answer.panel.normally_empty
    return answer.result.error or (f"empty: {reason}" if reason else "empty")


if __name__ == "__main__":
    sys.exit(main())
