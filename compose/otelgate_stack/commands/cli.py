"""The command line behind `make up|down|status|logs|clean|settings|demo|doctor`.

The other commands are imported when they run: `make status` needs neither gRPC nor the SDK.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from otelgate_audit import hosts

from .. import access, addresses, credentials, state, target
from .. import settings as settings_module
from ..build import builds
from ..config import alerting
from ..doctor import queue_disk
from ..engines import stack
from ..engines.engine import Engine, ServiceStatus
from ..errors import CheckError, SettingsError, StackError
from ..report import Report, duration
from ..settings import Settings

NOT_READY = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit status: 0, 1 for an error, 2 for bad settings or usage, 3 for a stack that isn't ready."""
    options = _parser().parse_args(arguments)
    # A `make up` that is killed, or whose terminal is closed, cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        status: int = options.run(options, Report())
        return status
    except (SettingsError, CheckError) as error:
        return _fail(error, 2)
    except StackError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `make logs | head`: the reader has closed the pipe. Nothing may be flushed to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _up(options: argparse.Namespace, report: Report) -> int:
    settings = settings_module.load()
    engine = _engine(settings, report)
    stack.up(settings, engine)
    _say_where(settings, engine, report)
    return 0


def _down(options: argparse.Namespace, report: Report) -> int:
    settings = settings_module.load()
    _engine(settings, report).down()
    return 0


def _status(options: argparse.Namespace, report: Report) -> int:
    settings = settings_module.load()
    quiet = Report(sys.stderr)
    engine = _engine(settings, quiet if options.json else report)
    statuses = engine.status()
    if options.json:
        report.line(json.dumps([dataclasses.asdict(status) for status in statuses], indent=2))
    else:
        report.table([_status_row(status) for status in statuses], ("service", "state", "up for", "pid", "address"))
        report.line()
    for disk in state.disks(stack.data_folders(settings)):
        if disk.low or not options.json:
            line = f"disk of {' and '.join(disk.holds)}: {disk}"
            (quiet if options.json else report).line(line, *(["red"] if disk.low else []))
    for detail, fix in queue_disk.problems(settings):
        (quiet if options.json else report).line(f"{detail}\n    → {fix}", "red")
    return 0 if all(status.ready for status in statuses) else NOT_READY


def _logs(options: argparse.Namespace, report: Report) -> int:
    engine = _engine(settings_module.load(), Report(sys.stderr), report)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end --follow
        engine.logs(options.services, options.follow)
    return 0


def _clean(options: argparse.Namespace, report: Report) -> int:
    settings = settings_module.load()
    engine = _engine(settings, report)
    engine.down()
    engine.clean()
    removed = state.remove(settings)
    report.line(f"removed {settings.state_dir}" if removed else f"nothing to remove: there is no {settings.state_dir}")
    return 0


def _settings(options: argparse.Namespace, report: Report) -> int:
    current = settings_module.load()
    rows = [(row.env, settings_module.shown(current, row), row.doc) for row in settings_module.ROWS]
    report.table(rows, ("setting", "value", "what it is"))
    return 0


def _demo(options: argparse.Namespace, report: Report) -> int:
    from ..demo import demo

    settings = settings_module.load()
    progress = Report(sys.stderr) if options.json else report
    engine = _engine(settings, progress)
    if not all(status.ready for status in engine.status()):
        stack.up(settings, engine)
    return demo.run(settings, report, as_json=options.json, runs=options.runs, wait_s=options.wait)


def _doctor(options: argparse.Namespace, report: Report) -> int:
    from ..doctor import doctor

    return doctor.run(settings_module.load(), report, as_json=options.json)


def _audit(options: argparse.Namespace, report: Report) -> int:
    from . import audit_command

    return audit_command.run(settings_module.load(), options.arguments).returncode


def _build(options: argparse.Namespace, report: Report) -> int:
    settings = settings_module.load()
    programs = builds.build(builds.STACK, settings, report)
    report.line(f"{len(programs)} programs are in {settings.cache_dir}")
    return 0


def _tool(options: argparse.Namespace, report: Report) -> int:
    from . import tools

    return tools.run(settings_module.load(), options.name, options.arguments)


def _deploy(options: argparse.Namespace, report: Report) -> int:
    from . import deploy

    return deploy.run(settings_module.load, report, check=options.check, as_json=options.json)


def _annotate(options: argparse.Namespace, report: Report) -> int:
    from . import annotate

    annotation = annotate.Annotation(options.event, options.version, options.service, options.text)
    annotate.run(settings_module.load(), annotation, report)
    return 0


def _token(options: argparse.Namespace, report: Report) -> int:
    from . import application_token

    application_token.run(options.application, options.service, report)
    return 0


def _sizing(options: argparse.Namespace, report: Report) -> int:
    from . import sizing

    settings = settings_module.load()
    engine = _engine(settings, Report(sys.stderr) if options.json else report)
    sizing.run(settings, engine, report, seconds=options.seconds, since=options.since, as_json=options.json)
    return 0


def _sbom(options: argparse.Namespace, report: Report) -> int:
    from ..build import sbom

    sbom.run(settings_module.load(), report, options.folder.expanduser().resolve(), options.programs)
    return 0


def _vulnerabilities(options: argparse.Namespace, report: Report) -> int:
    from ..build import vulnerabilities

    return vulnerabilities.run(settings_module.load(), report, as_json=options.json, called_only=options.called)


def _backup(options: argparse.Namespace, report: Report) -> int:
    from ..backup import backup

    settings = settings_module.load()
    backup.backup(settings, _engine(settings, report), report, options.folder.expanduser().resolve())
    return 0


def _restore(options: argparse.Namespace, report: Report) -> int:
    from ..backup import backup

    settings = settings_module.load()
    file = options.file.expanduser().resolve()
    manifest = backup.restore(settings, _engine(settings, report), report, file, force=options.force)
    report.line(f"\nrestored what was there at {manifest.made_at}")
    report.line("next: " + report.style("make up && make audit-verify", "bold"))
    return 0


def _engine(settings: Settings, report: Report, output: Report | None = None) -> Engine:
    engine, reason = stack.choose(settings, output or report)
    report.line(f"engine: {engine.name} ({reason})", "dim")
    return engine


def _say_where(settings: Settings, engine: Engine, report: Report) -> None:
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


def _status_row(status: ServiceStatus) -> tuple[str, ...]:
    current = status.state if status.state != "running" or status.ready else "not ready"
    uptime = "" if status.uptime_s is None else duration(status.uptime_s)
    return (status.name, "ready" if status.ready else current, uptime, status.pid_or_container, status.url)


def _fail(error: StackError, status: int) -> int:
    report = Report(sys.stderr)
    first, _, rest = str(error).partition("\n")
    report.line(f"{report.style('error:', 'red')} {first}" + (f"\n{rest}" if rest else ""))
    return status


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="otelgate",
        description="Runs otelgate's gateway and the stores behind it, and looks into them.",
        epilog="Settings come from the environment and from .env at the repository's root; `settings` lists them.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("build", _build, "build every program that the cache lacks; starts nothing")
    add("up", _up, "build what is missing, start everything, wait until it answers")
    add("down", _down, "stop everything; data stays")
    status = add("status", _status, "show each service; exit status 0 if all are ready, 3 if not")
    logs = add("logs", _logs, "show the services' logs")
    logs.add_argument("services", nargs="*", metavar="service", help="only these (default: all)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    add("clean", _clean, "stop everything and remove all its state and data")
    add("settings", _settings, "show every setting with the value that holds now")
    demo = add("demo", _demo, "run an example agent and read back what arrived; brings the stack up if it isn't")
    demo.add_argument("--runs", type=int, default=5, help="how many times the agent runs (default: %(default)s)")
    demo.add_argument(
        "--wait", type=float, default=30.0, metavar="S", help="seconds that the stores have for a run (default: 30)"
    )
    audit = add("audit", _audit, "run otelgate-audit on this stack's store: verify, export, forget, ...")
    audit.add_argument("arguments", nargs=argparse.REMAINDER, help="as `otelgate-audit` takes them")
    tool = add("tool", _tool, "run amtool or promtool, which are built if need be")
    tool.add_argument("name", choices=("amtool", "promtool"), help="which")
    tool.add_argument("arguments", nargs=argparse.REMAINDER, help="as it takes them")
    deploy = add("deploy", _deploy, "check, start, migrate, verify; exit status 1 and the step's name if one fails")
    deploy.add_argument("--check", action="store_true", help="look at the prerequisites only")
    annotate = add(
        "annotate", _annotate, "draw a line on every dashboard: deployment, launch, campaign, change, outage"
    )
    annotate.add_argument("event", help="which of them")
    annotate.add_argument("--version", help="what was deployed")
    annotate.add_argument("--service", help="only where this service is shown (default: everywhere)")
    annotate.add_argument("--text", help="what the line says")
    token = add(
        "token", _token, "print a new token for an application, and the entry to add to OTELGATE_APPLICATIONS_FILE"
    )
    token.add_argument("application", help="its name")
    token.add_argument(
        "--service", action="append", default=[], help="a service that it may send as; * stands for any text"
    )
    sizing = add("sizing", _sizing, "measure memory, CPU and disk of each service, and what a million of each takes")
    sizing.add_argument("--seconds", type=float, default=10.0, help="how long CPU is measured (default: %(default)s)")
    sizing.add_argument("--since", type=Path, help="an earlier --json: count only what came since")
    backup = add("backup", _backup, "copy every store and the generated secrets into one file")
    backup.add_argument("folder", type=Path, help="where to write it")
    restore = add("restore", _restore, "put a backup's data in place of this stack's")
    restore.add_argument("file", type=Path, help="what `backup` wrote")
    restore.add_argument("--force", action="store_true", help="even if there are data already: they go")
    sbom = add("sbom", _sbom, "list the parts of each program and of the Python lock, as CycloneDX")
    sbom.add_argument("folder", type=Path, help="where to write it")
    sbom.add_argument("programs", nargs="*", metavar="program", help="only these, and Python (default: all)")
    vulnerabilities = add(
        "vulnerabilities",
        _vulnerabilities,
        "look up known vulnerabilities of all that is built and installed; exit status 1 if there are any, 2 if the"
        " check failed",
    )
    vulnerabilities.add_argument("--called", action="store_true", help="leave out code that no program calls")
    doctor = add("doctor", _doctor, "send a canary of each signal and follow it hop by hop")
    for command in (status, demo, doctor, deploy, sizing, vulnerabilities):
        command.add_argument("--json", action="store_true", help="print JSON, for scripts")
    return parser
