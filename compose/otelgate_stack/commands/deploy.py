"""`make deploy`: look whether all is there, start, migrate, and prove that the stack is up, closed and takes data.

Each step is one line; the first that fails ends it, is named, and makes the exit status 1. To be run again at will.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from .. import credentials, state
from ..doctor import doctor
from ..doctor.hops import Hop
from ..engines import stack
from ..engines.engine import Engine, ServiceStatus
from ..errors import StackError
from ..report import Report, duration
from ..settings import Settings, find_root
from ..waiting import until
from . import audit_command, deploy_checks
from .deploy_checks import Check

READY_WITHIN_S = 30.0


@dataclass(frozen=True)
class Step:
    """The result of one step, or why it failed; `seconds` is its duration."""

    name: str
    ok: bool
    seconds: float
    detail: str


@dataclass
class Deployment:
    """The steps so far, and the services at the end."""

    steps: list[Step] = field(default_factory=list)
    services: list[ServiceStatus] = field(default_factory=list)

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if not step.ok]


def run(load: Callable[[], Settings], report: Report, *, check: bool, as_json: bool) -> int:
    """Deploy what `load` says. `check`: look at the prerequisites only. Returns the exit status, 0 or 1."""
    done = Deployment()
    progress = Report(sys.stderr) if as_json else report
    for step in _steps(load, check, progress, done):
        done.steps.append(step)
        _print_step(step, progress)
    if as_json:
        report.line(json.dumps({"ok": not done.failed, **asdict(done)}, indent=2))
    elif done.failed:
        report.line("\n" + report.style(f"not deployed: {', '.join(step.name for step in done.failed)}", "red"))
    elif check:
        report.line("\n" + report.style("all there: make deploy", "green"))
    else:
        report.line()
        rows = [(service.name, "ready", service.url) for service in done.services]
        report.table(rows, ("service", "state", "address"))
        report.line("\n" + report.style("deployed: every service answers and data flow", "green"))
    return 1 if done.failed else 0


def _steps(load: Callable[[], Settings], check: bool, progress: Report, done: Deployment) -> Iterator[Step]:
    """Prerequisites are all looked at; of what follows, the first that fails is the last."""
    yield from map(_run_check, deploy_checks.before_settings(find_root()))
    if done.failed:
        return
    try:
        settings = load()
        engine, reason = stack.choose(settings, progress)
    except StackError as error:
        yield Step("settings", False, 0.0, str(error))
        return
    yield from map(_run_check, deploy_checks.prerequisites(settings, engine, reason))
    if check or done.failed:
        return
    for one in (
        Check("prepare", lambda: _prepare(settings)),
        Check("start", lambda: _start(settings, engine)),
        Check("migrate", lambda: _migrate(settings)),
        Check("health", lambda: _health(engine, done)),
        Check("closed", lambda: _closed(settings, done)),
        Check("data flow", lambda: _data_flow(settings)),
    ):
        step = _run_check(one)
        yield step
        if not step.ok:
            return


def _run_check(check: Check) -> Step:
    started = time.monotonic()
    try:
        detail, ok = check.look(), True
    except StackError as error:
        detail, ok = str(error), False
    return Step(check.name, ok, time.monotonic() - started, detail)


def _prepare(settings: Settings) -> str:
    state.ensure(settings)
    credentials.ensure(settings)
    return f"folders and secrets in {settings.state_dir}"


def _start(settings: Settings, engine: Engine) -> str:
    stack.up(settings, engine)
    return f"{engine.name} engine"


def _migrate(settings: Settings) -> str:
    """The keeper migrates when it starts; here its errors would be seen."""
    if not settings.audit:
        return "no audit store"
    answer = audit_command.run(settings, ["migrate"], capture=True)
    if answer.returncode:
        raise StackError((answer.stderr or answer.stdout).strip() or f"exit status {answer.returncode}")
    return "; ".join(answer.stdout.strip().splitlines())


def _health(engine: Engine, done: Deployment) -> str:
    def dead() -> str:
        done.services = engine.status()
        waited_for = [service for service in done.services if not service.ready]
        return "\n".join(f"{each.name} is {each.state}: make logs SERVICE={each.name}" for each in waited_for)

    if found := until(dead, READY_WITHIN_S, 0.5):
        raise StackError(found)
    return f"{len(done.services)} services answer"


def _closed(settings: Settings, done: Deployment) -> str:
    if opened := deploy_checks.default_passwords(settings, {service.name for service in done.services}):
        raise StackError("\n".join(opened))
    return "no usual password is taken"


def _data_flow(settings: Settings) -> str:
    found: list[Hop] = []
    doctor.examine(settings, found.append, doctor.DEADLINE_S)
    if lost := [hop for hop in found if hop.ok is False]:
        raise StackError("\n".join(f"{hop.signal}: {hop.name}: {hop.detail}; {hop.fix}" for hop in lost))
    return f"a canary of each signal went through {len(found)} hops"


def _print_step(step: Step, report: Report) -> None:
    mark = report.style("✔", "green") if step.ok else report.style("✘", "red")
    first, *more = step.detail.splitlines() or [""]
    report.line(f"{mark} {step.name:<13} {duration(step.seconds):>7}  {first}")
    for line in more:
        report.line(" " * 25 + line)
