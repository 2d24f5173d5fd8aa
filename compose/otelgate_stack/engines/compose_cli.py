"""The `docker compose` command (v2): where it is, and what it is called with."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from otelgate_audit import kinds

from .. import access, credentials, service_table, state, target
from ..build import builds
from ..config import alerting, example_files, monitoring
from ..errors import StackError
from ..service_table import SPECS, STORES, TABLE
from ..settings import OF_BOTH, PREFIX, ROWS, Settings
from . import grafana, services, watchers

FILE = Path("compose") / "compose.yaml"
# Inside the network the services have their own names; these settings count only where they differ from the default.
_ENDPOINTS = {f"{name}_{kind}" for name in (*STORES, "audit") for kind in ("endpoint", "url")}

# Their files are made at start.
_WITH_FILES = tuple(spec.name for spec in TABLE if spec.made)
# The folder of Alertmanager's files in its container.
INSIDE = Path("/etc/otelgate")
_OF_THE_GATEWAY = ("tls_cert_file", "tls_key_file", "tls_client_ca_file", "token_file", *OF_BOTH)
_ABSENT = "absent"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
_ADDRESS = ("host_ip", "published")

# Secrets that are not among our settings, by their source.
_NAMES = {
    "gateway_authority": "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "client_certificate": target.CLIENT_CERTIFICATE,
    "client_key": target.CLIENT_KEY,
}


def find(settings: Settings) -> list[str] | None:
    """`docker compose`, else `docker-compose` on PATH, else the one among our own builds, else None."""
    candidates = [["docker", "compose"], ["docker-compose"]]
    with contextlib.suppress(StackError):  # no Go, so nothing was built with it
        candidates.append([str(builds.path("docker-compose", settings))])
    return next((command for command in candidates if _is_v2(command)), None)


def _is_v2(command: list[str]) -> bool:
    try:
        answer = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    # Version 1 was a Python program of the same name; one built from source calls itself "dev".
    return answer.returncode == 0 and not answer.stdout.strip().startswith(("1.", "v1."))


def project(settings: Settings) -> str:
    """The compose project's name: `otelgate`, and another one for each other OTELGATE_STATE_DIR."""
    if settings.state_dir == settings.root / ".otelgate":
        return "otelgate"
    return "otelgate-" + hashlib.sha256(str(settings.state_dir).encode()).hexdigest()[:8]


class Compose:
    """Runs the compose CLI on our compose.yaml with the pins and the settings."""

    def __init__(self, settings: Settings, command: list[str]) -> None:
        self.settings = settings
        self.project = project(settings)
        self._command = [
            *command,
            "--progress=quiet",  # errors are still printed
            f"--project-name={self.project}",
            f"--env-file={settings.root / 'versions.env'}",
            f"--file={settings.root / FILE}",
        ]

    def command(self, *args: str) -> list[str]:
        """The arguments of a process; its environment is `environment`."""
        return [*self._command, *args]

    def run(self, *args: str) -> str:
        """Run to the end and return what it printed. Raises StackError with its last lines."""
        answer = subprocess.run(
            self.command(*args),
            env=environment(self.settings),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if answer.returncode:
            last = "\n".join("  " + line for line in answer.stderr.strip().splitlines()[-10:])
            raise StackError(f"docker compose {args[0]} failed (exit status {answer.returncode}):\n{last}")
        return answer.stdout

    def show(self, *args: str) -> None:
        """Run with our own output, until it ends or the user stops it (Ctrl-C)."""
        try:
            subprocess.run(self.command(*args), env=environment(self.settings), check=True)
        except KeyboardInterrupt:
            return
        except subprocess.CalledProcessError as error:
            raise StackError(f"docker compose {args[0]} failed (exit status {error.returncode})") from None

    def config(self) -> dict[str, Any]:
        """The compose file as compose reads it with these settings."""
        rendered: dict[str, Any] = json.loads(self.run("config", "--format=json"))
        return rendered


def environment(settings: Settings) -> dict[str, str]:
    """The variables of compose.yaml: our own settings, and no other OTELGATE_* or COMPOSE_*."""
    env = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "COMPOSE_"))}
    env.update(_settings_env(settings))
    env["POSTGRES_PASSWORD_COPY"] = str(secret_copy(settings, "postgres_password"))
    env |= _watching(settings)
    if settings.database_password is None:
        env["DATABASE_PASSWORD_INSIDE"] = ""
        env["OTELGATE_DATABASE_PASSWORD_FILE"] = "/dev/null"
    for name, url in (("GATEWAY", settings.prometheus_endpoint), ("SINK", settings.prometheus_url)):
        password = settings.prometheus_password(url)
        env[f"{name}_STORES_PASSWORD"] = access.MOUNTED.password if password else ""
    if settings.database_url:
        env["DATABASE_OF_WRITER"] = settings.database_of_writer
    env["GATEWAY_INSIDE"] = f"{'https' if settings.tls_cert_file else 'http'}://gateway:4317"
    env["GATEWAY_HEADERS"] = services.gateway_variables(settings).get("OTEL_EXPORTER_OTLP_HEADERS", "")
    # It keeps to a fifth more than its limit (tests/e2e/test_overload.py); the rest is for what the kernel counts.
    env["GATEWAY_MEMORY"] = f"{settings.memory_limit_mib * 3 // 2}m"
    env["CONFIG_STAMP"] = _stamp(settings)
    return env


def published(settings: Settings, names: Collection[str]) -> dict[str, tuple[str, int]]:
    """Setting -> the address and port of this machine on which compose.yaml publishes one of these services."""
    env = environment(settings)
    found = {}
    for name, service in yaml.safe_load((settings.root / FILE).read_text())["services"].items():
        for port in service.get("ports", []) if name in names else []:
            setting = _VARIABLE.search(port["published"])
            assert setting, port
            host, number = (_VARIABLE.sub(lambda found: env.get(found[1]) or found[2], port[key]) for key in _ADDRESS)
            found[setting[1]] = (host, int(number))
    return found


def _watching(settings: Settings) -> Mapping[str, str]:
    here = running(settings)
    counts = {f"{spec.variable}_REPLICAS": str(int(spec.name in here)) for spec in TABLE if spec.when or spec.without}
    counts |= {f"{SPECS[name].variable}_PULL": "missing" if name in here else "never" for name in watchers.OPTIONAL}
    folders = {f"{name.upper()}_FILES": str(_files(settings, name)) for name in _WITH_FILES}
    database = {} if settings.own_database else grafana.database(settings)
    if not settings.audit:  # nothing is generated for a database that isn't there
        database = {**database, "OTELGATE_GRAFANA_DATABASE_PASSWORD_FILE": "/dev/null"}
    seen = {"PROBES": monitoring.probes(settings), "EXAMPLES": example_files.folder(settings)}
    return {**counts, **folders, **database, **{name: str(path) for name, path in seen.items()}}


def running(settings: Settings) -> list[str]:
    """The services of this stack but those whose images could not be had when it was brought up."""
    try:
        absent = (settings.state_dir / "docker" / _ABSENT).read_text().split()
    except FileNotFoundError:
        absent = []
    return [name for name in service_table.names(settings) if name not in absent]


def remember_absent(settings: Settings, names: Collection[str]) -> None:
    """Note the services that the stack does without."""
    state.make_folder(settings.state_dir / "docker")
    (settings.state_dir / "docker" / _ABSENT).write_text("".join(f"{name}\n" for name in sorted(names)))


def _files(settings: Settings, service: str) -> Path:
    """The folder with this service's files that are made at start, which its container mounts."""
    return settings.state_dir / "docker" / service


def stage_files(settings: Settings) -> None:
    """Make the files of `_WITH_FILES` for their containers' users; see `stage_secrets`.

    Raises StackError, SettingsError.
    """
    made = _files(settings, "rendered")
    for service in _WITH_FILES:
        shutil.rmtree(made / service, ignore_errors=True)
        state.make_folder(made / service)
    monitoring.write(settings, running(settings), monitoring.DOCKER, made / "prometheus" / "prometheus.yml")
    monitoring.write_modules(settings, monitoring.DOCKER, made / "prober" / "prober.yml")
    alerting.render(settings, made / "alertmanager", inside=INSIDE)
    for service in _WITH_FILES:
        folder = _files(settings, service)
        state.make_folder(folder)
        folder.chmod(0o755)
        for old in {file.name for file in folder.iterdir()} - {file.name for file in (made / service).iterdir()}:
            (folder / old).unlink()
        for file in (made / service).iterdir():
            file.chmod(0o444)
            file.replace(folder / file.name)
    # Applications write no secrets there; the state folder itself keeps others out.
    monitoring.probes(settings).chmod(0o755)


def _settings_env(settings: Settings) -> Mapping[str, str]:
    env = {}
    for row in ROWS:
        value = getattr(settings, row.field)
        if value is None or (row.field in _ENDPOINTS and value == _default(row.default, settings)):
            continue
        env[row.env] = kinds.show(value)
    # Docker publishes on addresses only.
    for name, host in (("OTELGATE_HOST", settings.host), ("OTELGATE_FEEDBACK_HOST", settings.feedback_host)):
        env[name] = "127.0.0.1" if host == "localhost" else host
    names = {row.field: row.env for row in ROWS}
    for field in _secrets(settings):
        env[names.get(field, field.upper())] = str(secret_copy(settings, field))
    return env


def _secrets(settings: Settings) -> dict[str, Path]:
    """The files that containers mount, by the setting's field, or another name."""
    given = {field: getattr(settings, field) for field in _OF_THE_GATEWAY}
    if settings.audit:
        fields = ("grafana_database_password_file", "writer_password_file", "audit_key_file", "feedback_secret_file")
        given |= {field: getattr(settings, field) for field in fields}
        given["database_password_file"] = settings.database_password
        given["gateway_authority"] = services.gateway_authority(settings)
        given["client_certificate"], given["client_key"] = services.client_certificate(settings)
    given["stores_web"], given["stores_users"] = access.web_config(settings), access.htpasswd(settings)
    given["grafana_admin_password"] = credentials.grafana_admin_password(settings)
    given["grafana_secret_key"] = credentials.grafana_secret_key(settings)
    if settings.own_database:
        given["monitor_password"] = credentials.monitor_password(settings)
    return {field: path for field, path in given.items() if path}


def _default(default: str, settings: Settings) -> str:
    return default.format_map({row.field: getattr(settings, row.field) for row in ROWS})


def secret_copy(settings: Settings, field: str) -> Path:
    """The copy of this secret that the container mounts."""
    return settings.state_dir / "docker" / field


def stage_secrets(settings: Settings) -> None:
    """Copy secrets to where only the containers' users on this host can read them.

    The originals are 0600 and belong to the user who runs this. The copies may be read by anyone who gets
    to them, but lie in a folder that only its owner can enter; the engine mounts them past it. They are written in
    place, so that a running gateway sees a new token.
    """
    folder = settings.state_dir / "docker"
    sources = _secrets(settings)
    if settings.own_database:
        sources["postgres_password"] = credentials.superuser_password(settings)
    for field, source in sources.items():
        try:
            content = source.read_bytes()
        except OSError as error:
            raise StackError(f"{_NAMES.get(field, PREFIX + field.upper())}='{source}': {error.strerror}") from None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        copy = secret_copy(settings, field)
        if not copy.exists() or copy.read_bytes() != content:
            copy.touch(0o600)
            copy.write_bytes(content)
            copy.chmod(0o444)


def _stamp(settings: Settings) -> str:
    """Changes with the mounted files; it is a label of every service, so that `make up` applies an edited file."""
    digest = hashlib.sha256()
    own = [settings.root / "compose" / spec.name for spec in TABLE if not spec.made]
    rendered = [settings.root / "grafana" / "rendered" / "rules", settings.root / "grafana" / "provisioning"]
    made = [_files(settings, name) for name in _WITH_FILES]
    for folder in (*own, *rendered, *made):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(file.read_bytes())
    for field in _secrets(settings):
        copy = secret_copy(settings, field)
        if copy.exists():
            digest.update(str(copy.stat().st_mtime_ns).encode())
    return digest.hexdigest()[:16]
