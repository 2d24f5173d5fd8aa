"""The command line `otelgate`, which `make` calls.

The other commands are imported when they run: `make status` needs neither gRPC nor the SDK.
"""

import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Final

import click
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
    # A `make up` that is killed, or whose terminal is closed, cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        status: int = PROGRAM.main(arguments, prog_name="otelgate", standalone_mode=False)
        return status
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)


class Program(click.Group):
    """The commands under their headings; each failure becomes one line and an exit status."""

    def invoke(self, context: click.Context) -> int:
        try:
            status: int = super().invoke(context)
            return status
        except (SettingsError, CheckError) as error:
            return _fail(str(error), 2)
        except StackError as error:
            return _fail(str(error), 1)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:
            # `make logs | head`: the reader has closed the pipe. Nothing may be flushed to it at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def list_commands(self, context: click.Context) -> list[str]:
        return [name for names in SECTIONS.values() for name in names]

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].help or "") for name in names])


class Audit(click.Group):
    """The commands of `otelgate-audit`, each run as a process with this stack's database, keys and stores."""

    def list_commands(self, context: click.Context) -> list[str]:
        from otelgate_audit.cli import COMMANDS

        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        from otelgate_audit.cli import COMMANDS

        if name not in COMMANDS:
            return None
        # Its options, `--help` among them, are otelgate-audit's to read.
        return click.Command(
            name,
            callback=lambda arguments: _audit(name, arguments),
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            help=COMMANDS[name][1],
            add_help_option=False,
            context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        )


def _up(options: SimpleNamespace, report: Report) -> int:
    settings = settings_module.load()
    engine = _engine(settings, report)
    stack.up(settings, engine)
    _say_where(settings, engine, report)
    return 0


def _down(options: SimpleNamespace, report: Report) -> int:
    settings = settings_module.load()
    _engine(settings, report).down()
    return 0


def _status(options: SimpleNamespace, report: Report) -> int:
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


def _logs(options: SimpleNamespace, report: Report) -> int:
    engine = _engine(settings_module.load(), Report(sys.stderr), report)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end --follow
        engine.logs(options.services, options.follow)
    return 0


def _clean(options: SimpleNamespace, report: Report) -> int:
    settings = settings_module.load()
    engine = _engine(settings, report)
    engine.down()
    engine.clean()
    removed = state.remove(settings)
    report.line(f"removed {settings.state_dir}" if removed else f"nothing to remove: there is no {settings.state_dir}")
    return 0


def _settings(options: SimpleNamespace, report: Report) -> int:
    current = settings_module.load()
    if options.json:
        shown = {row.env: settings_module.shown(current, row) for row in settings_module.ROWS}
        report.line(json.dumps(shown, indent=2))
        return 0
    rows = [(row.env, settings_module.shown(current, row), row.doc) for row in settings_module.ROWS]
    report.table(rows, ("setting", "value", "what it is"))
    return 0


def _demo(options: SimpleNamespace, report: Report) -> int:
    from ..demo import demo

    settings = settings_module.load()
    progress = Report(sys.stderr) if options.json else report
    engine = _engine(settings, progress)
    if not all(status.ready for status in engine.status()):
        stack.up(settings, engine)
    return demo.run(settings, report, as_json=options.json, runs=options.runs, wait_s=options.wait)


def _doctor(options: SimpleNamespace, report: Report) -> int:
    from ..doctor import doctor

    return doctor.run(settings_module.load(), report, as_json=options.json)


def _audit(name: str, arguments: Sequence[str]) -> int:
    from . import audit_command

    return audit_command.run(settings_module.load(), [name, *arguments]).returncode


def _costs_spent(options: SimpleNamespace, report: Report) -> int:
    from . import costs

    costs.spent(settings_module.load(), report, since=options.since, as_json=options.json)
    return 0


def _build(options: SimpleNamespace, report: Report) -> int:
    settings = settings_module.load()
    programs = builds.build(builds.STACK, settings, report)
    report.line(f"{len(programs)} programs are in {settings.cache_dir}")
    return 0


def _tool(options: SimpleNamespace, report: Report) -> int:
    from . import tools

    return tools.run(settings_module.load(), options.name, options.arguments)


def _deploy(options: SimpleNamespace, report: Report) -> int:
    from . import deploy

    return deploy.run(settings_module.load, report, check=options.check, as_json=options.json)


def _annotate(options: SimpleNamespace, report: Report) -> int:
    from . import annotate

    annotation = annotate.Annotation(options.event, options.version, options.service, options.text)
    annotate.run(settings_module.load(), annotation, report)
    return 0


def _token(options: SimpleNamespace, report: Report) -> int:
    from . import application_token

    application_token.run(options.application, options.service, report)
    return 0


def _sizing(options: SimpleNamespace, report: Report) -> int:
    from . import sizing

    settings = settings_module.load()
    engine = _engine(settings, Report(sys.stderr) if options.json else report)
    sizing.run(settings, engine, report, seconds=options.seconds, since=options.since, as_json=options.json)
    return 0


def _sbom(options: SimpleNamespace, report: Report) -> int:
    from ..build import sbom

    sbom.run(settings_module.load(), report, options.folder.expanduser().resolve(), options.programs)
    return 0


def _vulnerabilities(options: SimpleNamespace, report: Report) -> int:
    from ..build import vulnerabilities

    return vulnerabilities.run(settings_module.load(), report, as_json=options.json, called_only=options.called)


def _backup(options: SimpleNamespace, report: Report) -> int:
    from ..backup import backup

    settings = settings_module.load()
    backup.backup(settings, _engine(settings, report), report, options.folder.expanduser().resolve())
    return 0


def _restore(options: SimpleNamespace, report: Report) -> int:
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


def _fail(error: str, status: int) -> int:
    report = Report(sys.stderr)
    first, _, rest = error.partition("\n")
    report.line(f"{report.style('error:', 'red')} {first}" + (f"\n{rest}" if rest else ""))
    return status


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _command(
    name: str, run: Callable[[SimpleNamespace, Report], int], text: str, *params: click.Parameter
) -> click.Command:
    return click.Command(
        name, callback=lambda **given: run(SimpleNamespace(**given), Report()), help=text, params=[*params]
    )


def _flag(*names: str, text: str) -> click.Option:
    return click.Option(names, is_flag=True, help=text)


def _many(name: str, metavar: str, *, passed_on: bool = False) -> click.Argument:
    return click.Argument([name], nargs=-1, metavar=f"[{metavar}]...", type=click.UNPROCESSED if passed_on else str)


_JSON: Final = _flag("--json", text="print JSON, for scripts")
_PATH: Final = click.Path(path_type=Path)

SECTIONS: Final = {
    "Run the stack": ("build", "up", "down", "clean"),
    "Look": ("status", "logs", "settings", "demo", "doctor", "sizing", "costs"),
    "Audit": ("audit",),
    "Operate": ("deploy", "backup", "restore", "annotate", "token", "tool"),
    "Supply chain": ("sbom", "vulnerabilities"),
}

PROGRAM: Final = Program(
    help="Runs otelgate's gateway and the stores behind it, and looks into them.",
    epilog="Settings come from the environment and from .env at the repository's root; `settings` lists them."
    " Exit status: 0 done, 1 failed, 2 bad usage or settings, 3 a service isn't ready (`status`).",
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=[
        _command("build", _build, "build every program that the cache lacks; starts nothing"),
        _command("up", _up, "build what is missing, start everything, wait until it answers"),
        _command("down", _down, "stop everything; data stays"),
        _command("status", _status, "show each service; exit status 0 if all are ready, 3 if not", _JSON),
        _command(
            "logs",
            _logs,
            "show the logs of the services named (default: all)",
            _many("services", "SERVICE"),
            _flag("-f", "--follow", text="go on until Ctrl-C"),
        ),
        _command("clean", _clean, "stop everything and remove all its state and data"),
        _command("settings", _settings, "show every setting with the value that holds now", _JSON),
        _command(
            "demo",
            _demo,
            "run an example agent and read back what arrived; brings the stack up if it isn't",
            click.Option(["--runs"], type=int, default=5, show_default=True, help="how many times the agent runs"),
            click.Option(
                ["--wait"],
                type=float,
                default=30.0,
                show_default=True,
                metavar="S",
                help="seconds that the stores have for a run",
            ),
            _JSON,
        ),
        Audit("audit", help="run otelgate-audit on this stack's store: verify, export, forget, ..."),
        click.Group(
            "costs",
            help="show what model calls cost",
            commands=[
                _command(
                    "spent",
                    _costs_spent,
                    "show US dollars by service and model, as the running stack's Prometheus has them",
                    click.Option(
                        ["--since"], default="24h", show_default=True, metavar="TIME", help="how far back: 90m, 24h, 7d"
                    ),
                    _JSON,
                )
            ],
        ),
        click.Command(
            "tool",
            callback=lambda **given: _tool(SimpleNamespace(**given), Report()),
            help="run amtool or promtool, which are built if need be, with the arguments that it takes",
            params=[
                click.Argument(["name"], type=click.Choice(["amtool", "promtool"])),
                _many("arguments", "ARGUMENT", passed_on=True),
            ],
            context_settings={"allow_interspersed_args": False},
        ),
        _command(
            "deploy",
            _deploy,
            "check, start, migrate, verify; exit status 1 and the step's name if one fails",
            _flag("--check", text="look at the prerequisites only"),
            _JSON,
        ),
        _command(
            "annotate",
            _annotate,
            "draw a line on every dashboard: deployment, launch, campaign, change, outage",
            click.Argument(["event"]),
            click.Option(["--version"], help="what was deployed"),
            click.Option(["--service"], help="only where this service is shown (default: everywhere)"),
            click.Option(["--text"], help="what the line says"),
        ),
        _command(
            "token",
            _token,
            "print a new token for an application, and the entry to add to OTELGATE_APPLICATIONS_FILE",
            click.Argument(["application"]),
            click.Option(
                ["--service"], multiple=True, help="a service that it may send as; * stands for any text; repeatable"
            ),
        ),
        _command(
            "sizing",
            _sizing,
            "measure memory, CPU and disk of each service, and what a million of each takes",
            click.Option(["--seconds"], type=float, default=10.0, show_default=True, help="how long CPU is measured"),
            click.Option(["--since"], type=_PATH, help="an earlier --json: count only what came since"),
            _JSON,
        ),
        _command(
            "backup",
            _backup,
            "copy every store and the generated secrets into one file in a folder",
            click.Argument(["folder"], type=_PATH),
        ),
        _command(
            "restore",
            _restore,
            "put the data of a file that `backup` wrote in place of this stack's",
            click.Argument(["file"], type=_PATH),
            _flag("--force", text="even if there are data already: they go"),
        ),
        _command(
            "sbom",
            _sbom,
            "write the parts of each program (or those named) and of the Python lock into a folder, as CycloneDX",
            click.Argument(["folder"], type=_PATH),
            _many("programs", "PROGRAM"),
        ),
        _command(
            "vulnerabilities",
            _vulnerabilities,
            "look up known vulnerabilities of all that is built and installed; exit status 1 if there are any, 2 if the"
            " check failed",
            _flag("--called", text="leave out code that no program calls"),
            _JSON,
        ),
        _command("doctor", _doctor, "send a canary of each signal and follow it hop by hop", _JSON),
    ],
)
