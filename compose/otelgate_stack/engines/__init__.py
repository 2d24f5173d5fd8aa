"""The two ways to run the stack: `native` (processes under supervisor) and `docker` (compose). Same config files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .. import state
from ..errors import StackError
from ..report import Report
from ..settings import Settings

__all__ = ["Engine", "ServiceStatus", "StackError", "choose", "data_folders"]


@dataclass(frozen=True)
class ServiceStatus:
    """One service as `make status` shows it. `state`: running, stopped, starting or failed; `uptime_s` in seconds."""

    name: str
    state: str
    pid_or_container: str
    uptime_s: float | None
    url: str
    ready: bool


class Engine(Protocol):
    """What `make up|down|status|logs|clean` need of an engine. Methods raise StackError."""

    name: str

    def up(self) -> None:
        """Bring everything up and wait until it answers; take it down again if that fails."""

    def down(self) -> None:
        """Stop everything; data stays. Nothing up: says so."""

    def clean(self) -> None:
        """Remove the data that is not in the state folder (volumes); called after `down`."""

    def status(self) -> list[ServiceStatus]:
        """Every service, in the order data flows."""

    def logs(self, services: Sequence[str], follow: bool) -> None:
        """Print the logs of these services (none: of all), each line after its service's name."""

    def reload(self, service: str) -> None:
        """Have one service read its files again, where it runs and can (Prometheus)."""

    def start(self, service: str) -> None:
        """Start one service and wait until it answers."""

    def stop(self, service: str) -> None:
        """Stop one service; it stays down until `start` or `up`."""


def choose(settings: Settings, report: Report) -> tuple[Engine, str]:
    """The engine to use and the reason, for people.

    `ENGINE` forces one. Else: the one that this state folder was brought up with; else docker where it answers and
    has (or can pull) the images; else native.
    """
    name, reason = _decide(settings)
    if name == "docker":
        from .docker import DockerEngine

        return DockerEngine(settings, report), reason
    from .native import NativeEngine

    return NativeEngine(settings, report), reason


def data_folders(settings: Settings) -> dict[str, Path]:
    """Where the data of this stack are on this machine, by what they are. Containers' are the engine's."""
    if state.active_engine(settings) == "docker":
        from . import docker

        return docker.data_folders()
    return {"stores": settings.state_dir, "gateway's queues": settings.data_dir}


def _decide(settings: Settings) -> tuple[str, str]:
    if settings.engine != "auto":
        return settings.engine, f"ENGINE={settings.engine} asks for it"
    if active := state.active_engine(settings):
        return active, "this stack was brought up with it"
    from . import docker

    usable, reason = docker.available(settings)
    return ("docker" if usable else "native"), reason
