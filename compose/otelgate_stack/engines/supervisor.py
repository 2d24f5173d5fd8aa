"""supervisord: its configuration, its control socket, and what is left when it died."""

import configparser
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from ..errors import StackError
from ..waiting import until
from .service import Service

LONGEST_STOP_S = 60
_MODULE = "supervisor.supervisord"
# A path of sockaddr_un holds 108 bytes; supervisord binds "<path>.<pid>" first, then renames it.
_LONGEST_SOCKET = 107 - len(".4194304")


class Supervisor:
    """One supervisord with its state in `folder`. It outlives this process, in its own session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = folder / "supervisor.sock"
        self._config = folder / "supervisor.conf"

    def log(self, service: str) -> Path:
        return self.folder / "log" / f"{service}.log"

    def alive(self) -> bool:
        """Does it answer? A socket left behind by a crash doesn't."""
        try:
            self._rpc("getPID")
        except OSError:
            return False
        return True

    def launch(self, services: Sequence[Service], programs: Mapping[str, Path]) -> None:
        """Start supervisord with nothing under it running yet. Raises StackError."""
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            raise StackError(
                f"OTELGATE_STATE_DIR='{self.folder.parent}': expected a shorter path,"
                f" a unix socket in it may have {_LONGEST_SOCKET} bytes"
            )
        self.log("x").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._config.touch(0o600)  # a token for the gateway may be in it
        with self._config.open("w") as file:
            self._configuration(services, programs).write(file)
        result = subprocess.run(
            [sys.executable, "-m", _MODULE, "-c", str(self._config)],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise StackError(f"supervisord did not start: {(result.stderr or result.stdout).strip()}")
        self._wait(self.alive, 15, f"supervisord did not answer; its log is {self.log('supervisord')}")

    def processes(self) -> dict[str, dict[str, Any]]:
        """supervisord's own records by name: statename, pid, start, now, spawnerr, exitstatus."""
        return {info["name"]: info for info in self._rpc("getAllProcessInfo")}

    def start(self, service: str) -> None:
        """Start it, if it isn't already."""
        try:
            self._rpc("startProcess", service, False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise

    def stop(self, service: str) -> None:
        """Stop it and wait: its stop signal, and SIGKILL after its `stop_wait_s`."""
        try:
            # Not with its own wait=True: supervisord then spins at 100 % CPU until the process has ended.
            self._rpc("stopProcess", service, False)
        except Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise
        self._wait(lambda: not self.processes()[service]["pid"], LONGEST_STOP_S + 10, f"{service} did not end")

    def signal(self, service: str, name: str) -> None:
        self._rpc("signalProcess", service, name)

    def shutdown(self) -> None:
        """Stop everything that is left, then supervisord itself, and wait for its end."""
        process = psutil.Process(self._rpc("getPID"))
        self._rpc("shutdown")
        try:
            process.wait(LONGEST_STOP_S + 10)
        except psutil.TimeoutExpired:
            raise StackError(
                f"supervisord (pid {process.pid}) did not end; its log is {self.log('supervisord')}"
            ) from None

    def leftovers(self) -> list[psutil.Process]:
        """The processes of this stack, supervisord first; found also where its socket does not answer any more.

        Processes that these started themselves are not included: PostgreSQL ends its own processes.
        """
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                if _MODULE in command and str(self._config) in command:
                    found.insert(0, process)
                elif process.environ().get("SUPERVISOR_SERVER_URL") == f"unix://{self._socket}":
                    found.append(process)
            except psutil.Error:
                continue  # another user's, or gone meanwhile
        started = {process.pid for process in found if _MODULE not in _command(process)}
        return [process for process in found if process.ppid() not in started]

    def _configuration(self, services: Sequence[Service], programs: Mapping[str, Path]) -> configparser.ConfigParser:
        config = configparser.ConfigParser(interpolation=None)
        log = {"logfile_maxbytes": "10MB", "logfile_backups": "3"}
        config["unix_http_server"] = {"file": str(self._socket), "chmod": "0700"}
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        config["supervisord"] = {
            "logfile": str(self.log("supervisord")),
            "pidfile": str(self.folder / "supervisord.pid"),
            "umask": "077",
            **log,
        }
        for service in services:
            command = shlex.join([str(programs[service.name]), *service.arguments])
            config[f"program:{service.name}"] = {
                "command": command,
                "environment": ",".join(f'{name}="{value}"' for name, value in service.environment.items()),
                **({"directory": str(service.started_in)} if service.started_in else {}),
                "autostart": "false",
                "autorestart": "true",
                "startretries": "10",
                "stopwaitsecs": str(service.stop_wait_s),
                "stopsignal": service.stop_signal,
                "redirect_stderr": "true",
                "stdout_logfile": str(self.log(service.name)),
                **{f"stdout_{key}": value for key, value in log.items()},
            }
        for section in config.values():
            for key, value in section.items():
                section[key] = _escaped(value, quotes=key != "environment")
        return config

    def _rpc(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    @staticmethod
    def _wait(condition: Callable[[], bool], seconds: float, message: str) -> None:
        if late := until(lambda: "" if condition() else message, seconds, 0.05):
            raise StackError(late)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _environment() -> dict[str, str]:
    """Environment of the services. Not our own settings (each gets its own), not make's, and not OTEL_*: those are for
    the applications, and some backends would start to trace themselves by them."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("OTELGATE_", "OTEL_", "MAKE", "MFLAGS"))}


def _escaped(value: str, quotes: bool) -> str:
    # supervisord expands % itself, and reads " ;" and " #" as the start of a comment, in quotes too.
    if any(bad in value for bad in (" ;", " #", "\n")) or (not quotes and value.count('"') % 2):
        raise StackError(f"{value!r}: supervisord's configuration cannot hold ' ;', ' #', a quote or a line break")
    return value.replace("%", "%%")
