"""One service as the native engine runs it, and what the makers of services share."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..settings import Settings


@dataclass(frozen=True)
class Service:
    """One program under the supervisor. `ports`: setting -> (host, port) that it binds.

    `health` is a URL that answers 2xx when it is ready, or the postgresql:// URL of a database that can be connected to
    (with the password in `password_file`). `after` are services that have to be ready before it is started.
    """

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    ports: dict[str, tuple[str, int]]
    url: str
    health: str
    data_dir: Path
    configs: tuple[Path, ...]
    stop_wait_s: int = 30
    """How long it may take to end after its stop signal, in seconds, before it is killed."""
    stop_signal: str = "TERM"
    after: tuple[str, ...] = ()
    password_file: Path | None = None
    secrets: tuple[Path, ...] = ()
    """Files by which it knows who may ask it: changed, it has to be restarted, as those have who ask."""
    started_in: Path | None = None
    """The folder that it is started in, where that matters."""


def python_env(settings: Settings) -> dict[str, str]:
    """The environment in which this Python finds a module of this repository."""
    rooms = (str(settings.root / room) for room in ("sdk", "compose", "audit"))
    return {"PYTHONPATH": os.pathsep.join(rooms), "PYTHONUNBUFFERED": "1"}
