"""The stack's settings, read from the environment and from `.env` at the repository's root.

Their table is compose/settings.yaml.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from otelgate_audit import kinds

from .errors import SettingsError
from .settings_table import ROWS, Fields

__all__ = ["OF_BOTH", "PREFIX", "ROWS", "WRITER", "Settings", "SettingsError", "load"]

PREFIX = "OTELGATE_"
WRITER = "otelgate_writer"
"""The sink's role in the database."""

OF_BOTH: Final = tuple(
    row.field for row in ROWS if row.kind == "file" and "gateway" in row.readers and row.readers & {"sink", "keeper"}
)
"""Secrets that the gateway and the sink both have; they are generated."""

# Passwords of the database's owner, and of the role that only its process sets.
_OF_THE_OWNER = ("OTELGATE_DATABASE_PASSWORD_FILE", "OTELGATE_GRAFANA_DATABASE_PASSWORD_FILE")
# Names that start like ours and are none of the stack's settings: the release, which versions.env sets, and the SDK's
# own, since an application may be set up in the same shell.
_NOT_SETTINGS = {"OTELGATE_VERSION", "OTELGATE_EXIT_TIMEOUT", "OTELGATE_FEEDBACK_SECRET"}


@dataclass(frozen=True, kw_only=True)
class Settings(Fields):
    """The settings of one stack. Paths are absolute."""

    root: Path

    def gateway_env(self) -> dict[str, str]:
        """The gateway's environment, `OTELGATE_*` only: it refuses names it doesn't know."""
        pairs = {row.env: getattr(self, row.field) for row in ROWS if "gateway" in row.readers}
        pairs["OTELGATE_STORES_PASSWORD_FILE"] = self.prometheus_password(self.prometheus_endpoint)
        return {name: kinds.show(value) for name, value in pairs.items() if value is not None}

    @property
    def own_database(self) -> bool:
        """Whether `make up` runs the database."""
        return self.audit and self.database_url is None

    @property
    def database(self) -> str:
        """The audit sink's database as this machine reaches it."""
        return self.database_url or f"postgresql://otelgate@127.0.0.1:{self.postgres_port}/otelgate"

    @property
    def database_of_writer(self) -> str:
        """The same without the owner's login, for processes that must not have it."""
        parts = urlsplit(self.database)
        query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("user", "password")]
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{WRITER}@{place}", query=urlencode(query, quote_via=quote)))

    @property
    def database_password(self) -> Path | None:
        """The file with the password for it; the stack's own database has one always."""
        if self.database_password_file or self.database_url:
            return self.database_password_file
        return self.state_dir / "secrets" / "database_password"

    @staticmethod
    def is_own(url: str, port: int) -> bool:
        """Whether a URL, or host:port, leads to this port of the stack's own."""
        parts = urlsplit(url if "://" in url else f"//{url}")
        return parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.port == port

    def prometheus_password(self, url: str) -> Path | None:
        """The file with the password for the Prometheus at this URL: the generated one is for the stack's own alone."""
        own = self.is_own(url, self.prometheus_port)
        generated = self.stores_password_file == self.state_dir / "secrets" / "stores_password"
        return self.stores_password_file if own or not generated else None

    def owner_env(self) -> dict[str, str]:
        """The environment of `otelgate-audit` as the owner of the audit store, `OTELGATE_*` only."""
        pairs = {row.env: getattr(self, row.field) for row in ROWS if row.readers & {"sink", "keeper"}}
        pairs |= {"OTELGATE_DATABASE_URL": self.database, "OTELGATE_DATABASE_PASSWORD_FILE": self.database_password}
        pairs["OTELGATE_STORES_PASSWORD_FILE"] = self.prometheus_password(self.prometheus_url)
        return {name: kinds.show(value) for name, value in pairs.items() if value is not None}

    def sink_env(self) -> dict[str, str]:
        """The audit sink's, and its feedback endpoint's: without what is the owner's."""
        kept = {name: value for name, value in self.owner_env().items() if name not in _OF_THE_OWNER}
        return kept | {"OTELGATE_DATABASE_URL": self.database_of_writer}

    def ports(self) -> dict[str, int]:
        """Every port of the table by its setting's name, `OTELGATE_LOKI_PORT` -> 3100."""
        return {row.env: getattr(self, row.field) for row in ROWS if row.kind == "port"}


def find_root(package: Path = Path(__file__), folder: Path | None = None) -> Path:
    """The repository that this package is in, or, where it was installed from a wheel, the one that `folder` is in.

    `folder` is the current one by default. Raises SettingsError where there is none.
    """
    folder = folder or Path.cwd()
    for place in (package.resolve().parents[2], folder, *folder.parents):
        if (place / "compose" / "compose.yaml").is_file() and (place / "versions.env").is_file():
            return place
    raise SettingsError(f"{folder}: expected a clone of otelgate's repository, or a folder in it")


def load(env: Mapping[str, str] | None = None, root: Path | None = None) -> Settings:
    """Read the settings; an empty value counts as unset, as in compose files.

    `env` is the whole environment to read; without it, that of this process, over what `.env` in `root` says.
    `root` is the repository (default: see `find_root`); relative paths start there.
    Raises SettingsError with one line for each unknown name and each bad value.
    """
    root = (root or find_root()).resolve()
    if env is None:
        env = {**_env_file(root / ".env"), **os.environ}
    given = {name: value for name, value in env.items() if value and (name.startswith(PREFIX) or name == "ENGINE")}
    if "ENGINE" in given:
        given[PREFIX + "ENGINE"] = given.pop("ENGINE")
    cache = env.get("XDG_CACHE_HOME") or "~/.cache"
    offset = given.get(PREFIX + "PORT_OFFSET", "")
    moved = int(offset) if offset.isascii() and offset.isdigit() else 0

    def default(row: kinds.Row, texts: Mapping[str, str]) -> str:
        """It follows from the settings before it."""
        if row.kind == "port":
            return str(int(row.default) + moved)
        return row.default.format_map({**texts, "cache": cache})

    values, problems = kinds.read(ROWS, given, root, default)
    problems = [
        *kinds.unknown(set(given) - _NOT_SETTINGS, [row.env for row in ROWS]),
        *problems,
        *kinds.ports_used_twice(ROWS, values),
    ]
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(root=root, **values)


def _env_file(file: Path) -> dict[str, str]:
    """The settings of `.env`. Raises SettingsError with each line that is not a setting; its text may be secret."""
    if not file.is_file():
        return {}
    try:
        with file.open(encoding="utf-8") as lines:
            found = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{file}: {reason}") from None
    problems = [
        f"{file}, line {_line(binding)}: expected NAME=value"
        for binding in found
        if binding.error or (binding.key is not None and binding.value is None)
    ]
    if problems:
        raise SettingsError("\n".join(problems))
    return {name: value or "" for name, value in dotenv_values(file).items()}


def _line(binding: Binding) -> int:
    """The number of its first line: the parser counts the empty lines before it to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def shown(settings: Settings, row: kinds.Row) -> str:
    """The value of one setting the way the environment writes it; empty if unset."""
    value = getattr(settings, row.field)
    return "" if value is None else row.shown(kinds.show(value))
