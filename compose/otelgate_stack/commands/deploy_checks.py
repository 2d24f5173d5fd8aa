"""Requirements that are checked before the stack starts, and common passwords that must not work."""

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg

from .. import credentials, ports, state, web
from ..build import builds, golang
from ..engines import docker, preflight
from ..engines.engine import Engine
from ..engines.services import services
from ..errors import StackError
from ..service_table import names
from ..settings import WRITER, Settings

PYTHON_MIN = (3, 11)
# The memory of the idle services (docs/reference/sizing.md), and the same again for work.
MEMORY_BYTES = 1 << 30
SHORTEST_PASSWORD = 16
DEFAULTS = ("", "admin", "changeme", "grafana", "otelgate", "password", "postgres", "root", "secret")
"""Passwords that everybody tries first."""

_ROLES = {"otelgate_grafana", "otelgate_monitor", WRITER}


@dataclass(frozen=True)
class Check:
    """One prerequisite: `look` returns what was found, and raises StackError where it is not as needed."""

    name: str
    look: Callable[[], str]


def before_settings(root: Path) -> list[Check]:
    """Those that the settings themselves depend on."""
    return [Check("python", _python), Check(".env", lambda: _env_file(root / ".env"))]


def prerequisites(settings: Settings, engine: Engine, reason: str) -> list[Check]:
    """Those of a stack with these settings, on this engine, which was chosen for this reason."""
    return [
        Check("settings", lambda: _settings(settings)),
        Check("engine", lambda: _engine(settings, engine, reason)),
        Check("disk", lambda: _disk(settings)),
        Check("memory", lambda: _memory(engine)),
        Check("ports", lambda: _ports(settings, engine)),
        Check("secrets", lambda: _secrets(settings)),
    ]


def _python() -> str:
    if sys.version_info < PYTHON_MIN:
        raise StackError(f"Python {platform.python_version()}: expected {'.'.join(map(str, PYTHON_MIN))} or newer")
    return platform.python_version()


def _env_file(file: Path) -> str:
    if not file.exists():
        return "none, so the defaults hold"
    try:
        file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise StackError(f"{file}: {reason}") from None
    return str(file)


def _settings(settings: Settings) -> str:
    preflight.check(settings)
    return "those of the gateway go together"


def _engine(settings: Settings, engine: Engine, reason: str) -> str:
    if engine.name == "docker":
        usable, why = docker.available(settings)
        if not usable:
            raise StackError(why)
        return f"docker: {why}"
    wanted = [name for name in names(settings) if name in builds.PROGRAMS]
    try:
        go = golang.toolchain(settings.root / builds.PROGRAMS["gateway"].folder)
    except golang.NoGoError:
        go = "no Go, and none is needed"  # else the next line raises it again
    there = sum(builds.path(name, settings).exists() for name in wanted)
    return f"native ({reason}): {go}; {there} of {len(wanted)} programs are built"


def _disk(settings: Settings) -> str:
    state.check_disk({settings.state_dir: state.START_BYTES}, "starting the stack")
    return f"{psutil.disk_usage(str(_existing(settings.state_dir))).free / (1 << 30):.1f} GiB free"


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _memory(engine: Engine) -> str:
    free = psutil.virtual_memory().available
    text = f"{free / (1 << 30):.1f} GiB"
    if free < MEMORY_BYTES and not any(status.pid_or_container for status in engine.status()):
        raise StackError(f"memory short: the stack needs about {MEMORY_BYTES / (1 << 30):.1f} GiB, {text} are free")
    return f"{text} free"


def _ports(settings: Settings, engine: Engine) -> str:
    """Ports of services that don't run yet. Ports inside the containers' network are free; `up` checks others."""
    if engine.name == "docker":
        return "looked at when the containers start"
    up = {status.name for status in engine.status() if status.pid_or_container}
    missing = [service for service in services(settings) if service.name not in up]
    needed = {setting: address for service in missing for setting, address in service.ports.items()}
    ports.check_free(needed)
    return f"{len(needed)} free" if needed else "this stack has them"


def _secrets(settings: Settings) -> str:
    """Generated at the first start; those of the user's own have to be as good."""
    wanted = credentials.wanted(settings)
    there = {path: setting for path, setting in wanted.items() if path.exists()}
    public = {settings.stores_cert_file, settings.stores_ca_file}
    problems = [
        problem for path, setting in there.items() if path not in public for problem in _weak_secrets(path, setting)
    ]
    if problems:
        raise StackError("\n".join(problems))
    return f"{len(there)} there, {len(wanted) - len(there)} to be generated"


def _weak_secrets(path: Path, setting: str) -> Iterator[str]:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        yield f"{setting}='{path}': {error}"
        return
    if secret.lower() in DEFAULTS or len(secret) < SHORTEST_PASSWORD:
        yield f"{setting}='{path}': expected a secret of {SHORTEST_PASSWORD} characters or more, not a usual one"
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077 and path.stat().st_uid == os.geteuid():
        yield f"{setting}='{path}': expected a file for its owner alone (chmod 600), it has {mode:o}"


def default_passwords(settings: Settings, running: set[str]) -> list[str]:
    """Logins with a usual password that were accepted; empty is good."""
    found = []
    if settings.audit:
        roles = {urlsplit(settings.database).username or "otelgate", *_ROLES}
        if settings.own_database:
            roles.add("postgres")
        attempts = [(role, password) for role in sorted(roles) for password in dict.fromkeys((*DEFAULTS, role))]
        found += [
            f"PostgreSQL takes {password!r} for {role}"
            for role, password in attempts
            if _database_opens(settings.database, role, password)
        ]
    # Once: after a few wrong ones Grafana locks the account for minutes.
    if "grafana" in running and _grafana_opens(settings):
        found.append("Grafana takes 'admin' for admin")
    return found


def _database_opens(url: str, role: str, password: str) -> bool:
    try:
        psycopg.connect(url, user=role, password=password or None, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _grafana_opens(settings: Settings) -> bool:
    url = f"http://127.0.0.1:{settings.grafana_port}/api/user"
    try:
        return web.get(url, auth=("admin", "admin"), timeout=10).is_success
    except httpx.HTTPError:
        return False
