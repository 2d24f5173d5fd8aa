"""`otelgate status`, `logs`, `settings`, `demo`, `doctor`, `sizing` and `costs`.

A command imports its own work when it runs: `make status` needs neither gRPC nor the SDK.
"""

import contextlib
import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from otelgate_audit import command_line

from .. import settings as settings_module
from .. import state
from ..doctor import queue_disk
from ..engines import stack
from ..engines.engine import ServiceStatus
from ..report import Report, duration
from .command import PATH, as_json, choose, print_json, progress

NOT_READY = 3


@click.command(help="show each service; exit status 0 if all are ready, 3 if not")
@as_json
def status(as_json: bool) -> int:
    settings, report = settings_module.load(), progress(as_json)
    statuses = choose(settings, report).status()
    if as_json:
        print_json([dataclasses.asdict(status) for status in statuses])
    else:
        report.table([_status_row(status) for status in statuses], ("service", "state", "up for", "pid", "address"))
        report.line()
    for disk in state.disks(stack.data_folders(settings)):
        if disk.low or not as_json:
            report.line(f"disk of {' and '.join(disk.holds)}: {disk}", *(["red"] if disk.low else []))
    for detail, fix in queue_disk.problems(settings):
        report.line(f"{detail}\n    → {fix}", "red")
    return 0 if all(status.ready for status in statuses) else NOT_READY


@click.command(help="show the logs of the services named (default: all)")
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("-f", "--follow", is_flag=True, help="go on until Ctrl-C")
def logs(services: tuple[str, ...], follow: bool) -> int:
    engine = choose(settings_module.load(), Report(sys.stderr), Report())
    with contextlib.suppress(KeyboardInterrupt):  # the way to end --follow
        engine.logs(services, follow)
    return 0


@click.command(help="show every setting with its current value")
@as_json
def settings(as_json: bool) -> int:
    current = settings_module.load()
    rows = [(row.env, settings_module.shown(current, row), row.doc) for row in settings_module.ROWS]
    if as_json:
        print_json({name: value for name, value, _ in rows})
    else:
        Report().table(rows, ("setting", "value", "what it is"), wrap=True)
    return 0


@click.command(help="run an example agent and show its data in each store; starts the stack if necessary")
@click.option("--runs", type=int, default=5, show_default=True, help="how many times the agent runs")
@click.option(
    "--wait", type=float, default=30.0, show_default=True, metavar="S", help="seconds that the stores have for a run"
)
@as_json
def demo(runs: int, wait: float, as_json: bool) -> int:
    from ..demo import demo

    settings = settings_module.load()
    engine = choose(settings, progress(as_json))
    if not all(status.ready for status in engine.status()):
        stack.up(settings, engine)
    return demo.run(settings, Report(), as_json=as_json, runs=runs, wait_s=wait)


@click.command(help="send a canary of each signal and follow it hop by hop")
@as_json
def doctor(as_json: bool) -> int:
    from ..doctor import doctor

    return doctor.run(settings_module.load(), Report(), as_json=as_json)


@click.command(help="measure memory, CPU and disk of each service, and what a million of each takes")
@click.option("--seconds", type=float, default=10.0, show_default=True, help="how long CPU is measured")
@click.option("--since", type=PATH, help="an earlier --json: count only what came since")
@as_json
def sizing(seconds: float, since: Path | None, as_json: bool) -> int:
    from . import sizing

    settings = settings_module.load()
    engine = choose(settings, progress(as_json))
    sizing.run(settings, engine, Report(), seconds=seconds, since=since, as_json=as_json)
    return 0


@click.command(help="show US dollars by service and model, as the running stack's Prometheus has them")
@click.option("--since", default="24h", show_default=True, metavar="TIME", help="how far back: 90m, 24h, 7d")
@as_json
def spent(since: str, as_json: bool) -> int:
    from . import costs

    costs.spent(settings_module.load(), Report(), since=since, as_json=as_json)
    return 0


@click.command(
    help="show the prices of a model, where they come from, and which names they are for; exit status 1 if none"
)
@click.argument("model")
@click.option(
    "--provider", default="", metavar="NAME", help="as telemetry names it; default: what the model's name tells"
)
@click.option("--at", type=command_line.time, metavar="TIME", help="when the call began; default: now")
@as_json
def price(model: str, provider: str, at: datetime | None, as_json: bool) -> int:
    from . import costs

    report = progress(as_json)
    found = costs.price(settings_module.load(), report, model, provider=provider, at=at or datetime.now(UTC))
    if as_json:
        print_json(found)
    else:
        costs.show_price(found, model, report)
    return 1 if found["status"] == "unpriced" else 0


costs: Final = command_line.Group("costs", help="show what model calls cost", commands=[spent, price])


def _status_row(status: ServiceStatus) -> tuple[str, ...]:
    current = status.state if status.state != "running" or status.ready else "not ready"
    uptime = "" if status.uptime_s is None else duration(status.uptime_s)
    return (status.name, "ready" if status.ready else current, uptime, status.pid_or_container, status.url)


COMMANDS = (status, logs, settings, demo, doctor, sizing, costs)
