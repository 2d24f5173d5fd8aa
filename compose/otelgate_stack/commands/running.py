"""`otelgate build`, `up`, `down` and `clean`."""

import click
from otelgate_audit import hosts

from .. import access, addresses, credentials, state, target
from .. import settings as settings_module
from ..build import builds
from ..config import alerting
from ..engines import stack
from ..engines.engine import Engine
from ..report import Report
from ..settings import Settings
from .command import as_json, choose, print_json, progress


@click.command(help="build the programs that are missing in the cache, without starting any")
@as_json
def build(as_json: bool) -> int:
    settings, report = settings_module.load(), progress(as_json)
    programs = builds.build(builds.STACK, settings, report)
    if as_json:
        print_json({"programs": {name: str(path) for name, path in programs.items()}})
    else:
        report.line(f"{len(programs)} programs are in {settings.cache_dir}")
    return 0


@click.command(help="build what is missing, start everything, wait until it answers")
def up() -> int:
    settings, report = settings_module.load(), Report()
    engine = choose(settings, report)
    stack.up(settings, engine)
    say_where(settings, engine, report)
    return 0


@click.command(help="stop everything; data stays")
def down() -> int:
    choose(settings_module.load(), Report()).down()
    return 0


@click.command(help="stop everything and remove all its state and data")
def clean() -> int:
    settings, report = settings_module.load(), Report()
    engine = choose(settings, report)
    engine.down()
    engine.clean()
    removed = state.remove(settings)
    report.line(f"removed {settings.state_dir}" if removed else f"nothing to remove: there is no {settings.state_dir}")
    return 0


def say_where(settings: Settings, engine: Engine, report: Report) -> None:
    """The addresses of a stack that is up, where its alerts go, and how to log in."""
    services, urls = engine.status(), target.urls(settings)
    reach = "" if hosts.is_loopback(settings.host) else f"; listens on {settings.host}, for other machines too"
    rows = [(f"OTLP {name}", urls[name.lower()], f"applications send here{reach}") for name in ("gRPC", "HTTP")]
    others = [service for service in services if service.name != "gateway"]
    rows += [(service.name, service.url, addresses.what(service.name, engine.name)) for service in others]
    report.line()
    report.table(rows)
    report.line()
    for line in alerting.describe(settings):
        report.line(line)
    report.line(access.how_to_log_in(settings))
    if any(service.name == "grafana" for service in services):
        report.line(f"Grafana's user is admin, its password is in {credentials.grafana_admin_password(settings)}")
    report.line("\nnext: " + report.style("make demo", "bold"))


COMMANDS = (build, up, down, clean)
