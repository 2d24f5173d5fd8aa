"""The native engine: the gateway and its backends as processes of this machine, under supervisord."""

import fcntl
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from .. import access, credentials, ports, state
from ..build import builds
from ..clients import audit_store
from ..errors import StackError
from ..report import Report, duration
from ..service_table import SPECS, names, stop_order
from ..settings import Settings
from . import logs, preflight, watchers
from .engine import ServiceStatus
from .service import Service
from .services import services
from .supervisor import LONGEST_STOP_S, Supervisor

_STATES = {"RUNNING": "running", "STARTING": "starting", "BACKOFF": "starting", "STOPPED": "stopped"}


class NativeEngine:
    """Builds what is missing and keeps it running. `only`: just these services, for tests with parts of a stack."""

    name = "native"

    def __init__(
        self,
        settings: Settings,
        report: Report,
        services: Sequence[str] | None = None,
        *,
        ready_timeout_s: float = 180,
    ) -> None:
        self.settings = settings
        self._report = report
        self._asked = list(services) if services is not None else names(settings)
        self.ready_timeout_s = ready_timeout_s
        self._folder = settings.state_dir / "native"
        self._supervisor = Supervisor(self._folder)

    def up(self) -> None:
        """Start what isn't running and wait until it answers. Raises StackError, and leaves nothing half-started."""
        if "gateway" in self._asked:
            preflight.check(self.settings)
        state.ensure(self.settings)
        with self._locked():
            running = self._supervisor.alive()
            if not running:
                self._stop_leftovers()
                watchers.fetch(self._asked, self.settings, self._report)
            credentials.ensure(self.settings)
            watchers.prepare(self.settings, self._names)
            wanted = services(self.settings, self._names)
            missing = [service for service in wanted if not (running and self._is_running(service.name))]
            # All that can be refused comes before the builds, which take minutes when they are the first.
            self._check_ports(missing)
            if running:
                self._refuse_changes(wanted, self._programs(build=False))
            if not missing:
                self._report.line("already up")
                return
            state.check_disk({self.settings.state_dir: state.START_BYTES}, "starting the stack")
            programs = self._programs()
            try:
                if not running:
                    self._launch(wanted, programs)
                self._start(missing)
            except BaseException:
                self._report.line("taking the half-started stack down again", "yellow")
                self._stop(stop_order(service.name for service in missing), everything=not running)
                raise

    def down(self) -> None:
        """Stop everything, the gateway first, so that what it holds still reaches the stores."""
        if not self._folder.exists():
            self._report.line("nothing is up")
            return
        with self._locked():
            if self._supervisor.alive():
                up = self._supervisor.processes()
                self._stop(stop_order(up), everything=True)
            elif not self._stop_leftovers():
                self._report.line("nothing is up")

    def clean(self) -> None:
        """All state is in the state folder, which the caller removes."""

    def status(self) -> list[ServiceStatus]:
        """Every service, in the order data flows."""
        processes = self._supervisor.processes() if self._supervisor.alive() else {}
        found = []
        for service in services(self.settings, self._names):
            info = processes.get(service.name, {"statename": "STOPPED", "pid": 0, "now": 0, "start": 0})
            ready = bool(info["pid"]) and _answers(service, self.settings)
            found.append(
                ServiceStatus(
                    name=service.name,
                    state="running" if ready else _STATES.get(info["statename"], "failed"),
                    pid_or_container=str(info["pid"] or ""),
                    uptime_s=float(info["now"] - info["start"]) if info["pid"] else None,
                    url=service.url,
                    ready=ready,
                )
            )
        return found

    def logs(self, services: Sequence[str], follow: bool) -> None:
        """The logs of these services (none: of all), each line after its service's name."""
        chosen = [self._known(name) for name in services] or self._names
        logs.show({name: self._supervisor.log(name) for name in chosen}, self._report, follow)

    def reload(self, service: str) -> None:
        """SIGHUP for one service, where it runs."""
        if self._supervisor.alive() and self._supervisor.processes().get(service, {}).get("pid"):
            self._supervisor.signal(service, "HUP")

    def start(self, service: str) -> None:
        """Start one service and wait until it answers."""
        self._require_running(service)
        self._start(services(self.settings, [service]))

    def stop(self, service: str) -> None:
        """Stop one service; it stays down until `start` or `up`."""
        self._require_running(service)
        self._stop([service])

    def kill(self, service: str) -> None:
        """SIGKILL for one service, as a crash would end it; the supervisor starts it again."""
        self._require_running(service)
        self._supervisor.signal(service, "KILL")

    @property
    def _names(self) -> list[str]:
        return watchers.present(self._asked, self.settings)

    def _programs(self, build: bool = True) -> dict[str, Path]:
        """Each service's program; without `build`, where it will be."""
        found = {name: Path(sys.executable) for name in self._names if SPECS[name].python}
        found |= {name: path for name in self._names if (path := watchers.program(name, self.settings))}
        built = [name for name in self._names if name not in found]
        if not build:
            return found | {name: builds.path(name, self.settings) for name in built}
        return found | builds.build(built, self.settings, self._report)

    def _launch(self, wanted: Sequence[Service], programs: dict[str, Path]) -> None:
        self._fingerprints_file.write_text(json.dumps(_fingerprints(wanted, programs), indent=1))
        self._supervisor.launch(wanted, programs)

    def _start(self, wanted: Sequence[Service]) -> None:
        began = said = time.monotonic()
        waiting, pending = list(wanted), list(wanted)
        while pending:
            for service in [each for each in waiting if not set(each.after) & {one.name for one in pending}]:
                state.make_folder(service.data_dir)
                self._supervisor.start(service.name)
                waiting.remove(service)
            started = [each for each in pending if each not in waiting]
            self._raise_if_failed(started)
            for service in [each for each in started if _answers(each, self.settings)]:
                self._report.done(f"start {service.name}", time.monotonic() - began)
                pending.remove(service)
            waited = time.monotonic() - began
            waiting_for = ", ".join(service.name for service in pending)
            if pending and waited > self.ready_timeout_s:
                raise StackError(self._with_log(f"{waiting_for} did not answer within {waited:.0f} s", pending[0].name))
            if pending and time.monotonic() - said > 10:
                self._report.line(f"waiting for {waiting_for} … {duration(waited)}", "dim")
                said = time.monotonic()
            time.sleep(0.1 if pending else 0)

    def _stop(self, names: Sequence[str], *, everything: bool = False) -> None:
        if self._supervisor.alive():
            for name in names:
                with self._report.step(f"stop {name}"):
                    self._supervisor.stop(name)
            if everything:
                self._supervisor.shutdown()

    def _stop_leftovers(self) -> bool:
        """End what an earlier supervisor left behind when it was killed."""
        leftovers = self._supervisor.leftovers()
        if leftovers:
            with self._report.step(f"stop {len(leftovers)} leftover processes of a stack that crashed"):
                for process in leftovers:  # the supervisor first, since it would start the others again
                    _end(process)
        return bool(leftovers)

    def _raise_if_failed(self, pending: Sequence[Service]) -> None:
        processes = self._supervisor.processes()
        for service in pending:
            info = processes[service.name]
            if info["statename"] in ("BACKOFF", "EXITED", "FATAL"):
                # supervisord tells no exit status of what ended within its first second.
                reason = "it ended at once" if "too quickly" in info["spawnerr"] else info["spawnerr"]
                reason = reason or f"exit status {info['exitstatus']}"
                raise StackError(self._with_log(f"{service.name} did not start ({reason})", service.name))

    def _with_log(self, message: str, service: str) -> str:
        log = self._supervisor.log(service)
        lines = "\n".join("  " + line[:500] for line in logs.last_lines(log, 10))
        return f"{message}; its log is {log}, its last lines:\n{lines or '  (empty)'}"

    def _is_running(self, name: str) -> bool:
        return self._supervisor.processes().get(name, {}).get("statename") in ("RUNNING", "STARTING")

    def _check_ports(self, wanted: Sequence[Service]) -> None:
        ports.check_free({name: address for service in wanted for name, address in service.ports.items()})

    def _refuse_changes(self, wanted: Sequence[Service], programs: dict[str, Path]) -> None:
        before = json.loads(self._fingerprints_file.read_text())
        now = _fingerprints(wanted, programs)
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed:
            raise StackError(
                f"already up, but the settings, configuration or program of {', '.join(changed)} changed since:"
                " `make down && make up` restarts with what holds now"
            )

    @property
    def _fingerprints_file(self) -> Path:
        return self._folder / "fingerprints.json"

    def _known(self, name: str) -> str:
        if name not in self._names:
            raise StackError(f"no service {name!r}: expected one of {', '.join(self._names)}")
        return name

    def _require_running(self, service: str) -> None:
        self._known(service)
        if not self._supervisor.alive():
            raise StackError("nothing is up: `make up` starts the stack")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One `make up` or `make down` at a time; a second one waits."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._report.line("another `make up` or `make down` is at work; waiting for it")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _answers(service: Service, settings: Settings) -> bool:
    if service.health.startswith("postgresql:"):
        return audit_store.answers(service.health, service.password_file)
    try:
        return access.get(settings, service.name, service.health, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _fingerprints(wanted: Sequence[Service], programs: dict[str, Path]) -> dict[str, str]:
    """A stamp of each service's start configuration; a new value means that it must be restarted."""
    result = {}
    for service in wanted:
        configs = [config.read_text() for config in (*service.configs, *service.secrets)]
        parts = [str(programs[service.name]), service.arguments, sorted(service.environment.items()), configs]
        result[service.name] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return result


def _end(process: psutil.Process) -> None:
    try:
        # On SIGTERM, PostgreSQL would wait for its clients to leave.
        process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
        process.wait(LONGEST_STOP_S)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        pass
