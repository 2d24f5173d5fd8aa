"""Asks every query of every dashboard as a browser would: lists those that fail or are empty, and the slowest.

    python -m otelgate_console.commands.ask --window 7d                    every dashboard, against the stack that runs
    python -m otelgate_console.commands.ask --dashboard ai-cost --empty    only what returns nothing

Addresses come from the stack's settings. Exit code 1: a query failed, or one was empty that should not be.
"""

import sys
import time

import click
from otelgate_stack import settings

from ..asking import dashboards, panels
from ..asking.panels import Answer
from ..asking.window import Window, duration
from ..stack import rendered, stores


@click.command(help="Ask every query of the dashboards of the running stack: errors, empty answers, times.")
@click.option("--window", "period", default="6h", show_default=True, help="how far back: 30m, 6h, 7d")
@click.option("--dashboard", "chosen", multiple=True, help="only this one, by its name; repeatable")
@click.option("--empty", is_flag=True, help="also show what is normally empty, and is")
def main(period: str, chosen: tuple[str, ...], empty: bool) -> None:
    try:
        seconds = duration(period)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--window") from None
    loaded = settings.load()
    now, where, bad = time.time(), stores(loaded), 0
    for name, dashboard in dashboards.load(rendered(loaded)).items():
        if chosen and name not in chosen:
            continue
        started = time.monotonic()
        answers = panels.ask(dashboard, where, Window(now - seconds, now))
        took = time.monotonic() - started
        bad += sum(not answer.good for answer in answers)
        slowest = max(answers, key=lambda answer: answer.result.seconds)
        print(f"{name:20} {len(answers):3} queries {took:6.2f} s  ", end="")
        print(f"slowest {slowest.result.seconds:.2f} s: {slowest.panel.title}")
        for answer in answers:
            if not answer.good or (empty and not answer.result.rows):
                print(f"    {answer.panel.title} {answer.query.ref_id}: {_reason(answer)}")
    sys.exit(1 if bad else 0)


def _reason(answer: Answer) -> str:
    reason = answer.panel.normally_empty
    return answer.result.error or (f"empty: {reason}" if reason else "empty")


if __name__ == "__main__":
    main(prog_name="python -m otelgate_console.commands.ask")
