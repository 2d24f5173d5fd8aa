"""The sink's settings: one table, read from the environment.

Every field of `Settings` is one row: its name, type, default and line of doc. docs/settings.md shows the rows
(`python -m otelgate_audit.settings`). Passwords and keys are files: the settings hold their paths and read them when
asked, so that a changed password needs no restart.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

from psycopg import ProgrammingError, conninfo

from . import hosts

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

# The gateway, the stack and the SDK have settings in the same environment. Names that start like these are the sink's
# alone, but for the gateway's two and the SDK's one, so a wrong one is told.
_STRICT = (
    *("OTELGATE_AUDIT_", "OTELGATE_KEEPER_", "OTELGATE_FEEDBACK_"),
    *("OTELGATE_DATABASE_", "OTELGATE_WRITER_", "OTELGATE_GRAFANA_DATABASE_"),
)
_OTHERS = {"OTELGATE_AUDIT_ENDPOINT", "OTELGATE_FEEDBACK_SECRET"}


class SettingsError(ValueError):
    """One line for each setting that is wrong."""


def masked(text: str) -> str:
    """A text with the passwords of the URLs in it taken out."""
    # Also of those that are no good URLs: everything between a colon and the last @.
    text = re.sub(r":(?!//)\S*@", ":***@", text)
    return re.sub(r"(?i)(password=)('[^']*'|[^&\s]*)", r"\1***", text)


def before_colon(text: str) -> str:
    """Of an address that may be a secret, no more than its scheme."""
    scheme, colon, _ = text.partition(":")
    return f"{scheme}:…" if colon else "…"


@dataclass(frozen=True)
class Kind:
    """`parse(raw)` gives the value or raises ValueError; `expected` completes "expected ..."."""

    expected: str
    parse: Callable[[str], Any]
    shown: Callable[[str], str] = masked
    """How an error shows a value that is wrong."""


def _whole(raw: str, least: int, most: int) -> int:
    if not raw.isascii() or not raw.isdigit() or not least <= int(raw) <= most:
        raise ValueError(raw)
    return int(raw)


def _host(raw: str) -> str:
    if raw.startswith("[") and raw.endswith("]") and ":" in raw:  # as in a URL
        raw = raw[1:-1]
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", raw):
        raise ValueError(raw)
    return raw


def _url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(raw)
    return raw.rstrip("/")


def _witness(raw: str) -> str:
    return raw if re.fullmatch(r"file:/[^\0]+", raw) else _url(raw)


def _database(raw: str) -> str:
    if not raw.startswith(("postgresql://", "postgres://")):
        raise ValueError(raw)
    try:
        conninfo.conninfo_to_dict(raw)
    except ProgrammingError:
        raise ValueError(raw) from None
    return raw


def _retention(raw: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", raw)
    kept = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not timedelta(days=1) <= kept <= timedelta(days=36500):
        raise ValueError(raw)
    return kept


def _origins(raw: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in raw.split(","))
    if not all(re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", origin) for origin in origins):
        raise ValueError(raw)
    return origins


def _rate(raw: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,5}/(second|minute|hour|day)", raw):
        raise ValueError(raw)
    return raw


PORT = Kind("a port, 1 to 65535", lambda raw: _whole(raw, 1, 65535))
MESSAGE = Kind("a whole number from 1 to 1024", lambda raw: _whole(raw, 1, 1024))
NONE_OR_MORE = Kind("a whole number of at least 0", lambda raw: _whole(raw, 0, 10**9))
COUNT = Kind("a whole number of at least 1", lambda raw: _whole(raw, 1, 10**9))
PROXIES = Kind("a whole number from 0 to 10", lambda raw: _whole(raw, 0, 10))
PATH = Kind("a path", lambda raw: Path(raw).expanduser())
HOST = Kind("an IP address or a host name", _host)
URL = Kind("an http:// or https:// URL", _url)
WITNESS = Kind("file: with an absolute path, or an http:// or https:// URL", _witness, before_colon)
DATABASE = Kind("a postgresql:// URL", _database)
RETENTION = Kind("a duration of at least 24h in hours, days or weeks, such as 90d", _retention)
ORIGINS = Kind("origins such as https://app.example, with commas between", _origins)
RATE = Kind("a number per second, minute, hour or day, such as 30/minute", _rate)


@dataclass(frozen=True)
class _Spec:
    """A setting beside its type. `env`: its name where it isn't OTELGATE_ and the field's."""

    default: str
    kind: Kind
    doc: str
    env: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one process of the sink runs with."""

    database_url: Annotated[
        str,
        _Spec(
            "postgresql://otelgate@127.0.0.1:15432/otelgate",
            DATABASE,
            "The database, as its owner; the sink logs in as another role.",
        ),
    ]
    database_password_file: Annotated[Path | None, _Spec("", PATH, "File with the password of that role.")]
    writer_password_file: Annotated[
        Path | None,
        _Spec(
            "",
            PATH,
            "File with the password of the role `otelgate_writer`: the sink logs in with it, `keep` sets it.",
        ),
    ]
    grafana_database_password_file: Annotated[
        Path | None, _Spec("", PATH, "File with the password that `migrate` gives to Grafana's role.")
    ]

    audit_host: Annotated[
        str,
        _Spec(
            "127.0.0.1",
            HOST,
            "Address on which the sink and the keeper listen: loopback, except in a container that is published there.",
        ),
    ]
    published_host: Annotated[
        str | None,
        _Spec("", HOST, "In a container: the address of its host on which its ports are published."),
    ]
    audit_port: Annotated[int, _Spec("4320", PORT, "OTLP over gRPC, from the gateway.")]
    audit_health_port: Annotated[int, _Spec("4321", PORT, "HTTP: `/health`, 200 when records can be committed.")]
    keeper_port: Annotated[int, _Spec("4323", PORT, "HTTP: the keeper's `/health`, 200 when it does its jobs.")]
    audit_token_file: Annotated[
        Path | None,
        _Spec(
            "",
            PATH,
            "File with the token that the gateway has to send, at least 32 bytes; if none is set, the sink accepts any"
            " sender. `make up` always sets one.",
        ),
    ]
    audit_key_file: Annotated[
        Path | None,
        _Spec("", PATH, "File with the ledger's chain key, 64 hex digits; keep it apart from the database."),
    ]
    pseudonym_key_file: Annotated[
        Path | None, _Spec("", PATH, "File with the gateway's key of pseudonyms, by which `forget` finds a person.")
    ]
    max_message_mib: Annotated[int, _Spec("16", MESSAGE, "Largest request taken, in MiB (the gateway's setting too).")]
    max_connections_per_address: Annotated[
        int, _Spec("1000", NONE_OR_MORE, "Connections of the sink, in all; 0: no bound (the gateway's setting too).")
    ]

    retention_audit: Annotated[timedelta, _Spec("90d", RETENTION, "How long conversations and their records are kept.")]
    retention_events: Annotated[timedelta, _Spec("400d", RETENTION, "How long product events are kept.")]
    query_limit: Annotated[int, _Spec("50", COUNT, "Conversations an hour that count a user as over the limit.")]

    prometheus_url: Annotated[
        str, _Spec("http://127.0.0.1:9090", URL, "Prometheus, where reconciliation reads the gateway's counts.")
    ]
    loki_url: Annotated[str, _Spec("https://127.0.0.1:3100", URL, "Loki, where `verify` finds the ledger's heads.")]
    stores_password_file: Annotated[
        Path | None,
        _Spec("", PATH, "File with the password of user `otelgate` at Prometheus; none is sent without it."),
    ]
    stores_cert_file: Annotated[
        Path | None, _Spec("", PATH, "Certificate that is shown to stores with https:// URLs (PEM).")
    ]
    stores_key_file: Annotated[Path | None, _Spec("", PATH, "Its key (PEM).")]
    stores_ca_file: Annotated[
        Path | None, _Spec("", PATH, "Authority of those stores' certificates (PEM), beside those of the system.")
    ]
    witness: Annotated[
        str | None,
        _Spec("", WITNESS, "A second place for the ledger's heads, out of the stack's reach: a file, or a webhook."),
    ]
    otlp_endpoint: Annotated[
        str,
        _Spec(
            "http://127.0.0.1:4317",
            URL,
            "The gateway, by OTLP over gRPC: the sink's own metrics, the ledger's heads, votes.",
            env="OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
    ]

    feedback_host: Annotated[str, _Spec("127.0.0.1", HOST, "Address on which votes are taken.")]
    feedback_port: Annotated[int, _Spec("4322", PORT, "HTTP: `POST /v1/feedback`.")]
    feedback_origins: Annotated[
        tuple[str, ...], _Spec("", ORIGINS, "Web pages' origins that may post votes; empty: none but its own.")
    ]
    feedback_secret_file: Annotated[
        Path | None, _Spec("", PATH, "File with the secret that signs feedback tokens, at least 32 bytes.")
    ]
    feedback_rate: Annotated[str, _Spec("30/minute", RATE, "Votes taken from one address and for one token.")]
    feedback_trust_proxy: Annotated[
        int, _Spec("0", PROXIES, "Proxies in front of it that add the client's address to X-Forwarded-For.")
    ]

    def __repr__(self) -> str:
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        shown["database_url"] = masked(self.database_url)
        shown["witness"] = self.witness and before_colon(self.witness)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def database_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("database_password_file").decode() if self.database_password_file else None

    @property
    def writer_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("writer_password_file").decode() if self.writer_password_file else None

    @property
    def grafana_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("grafana_database_password_file").decode() if self.grafana_database_password_file else None

    @property
    def chain_key(self) -> bytes:
        """The ledger's chain key, 32 bytes. Raises SettingsError, also where no file is set."""
        try:
            key = bytes.fromhex(self._secret("audit_key_file").decode())
        except ValueError as error:
            if isinstance(error, SettingsError):
                raise
            key = b""
        if len(key) != 32:
            raise SettingsError(f"OTELGATE_AUDIT_KEY_FILE='{self.audit_key_file}': expected 64 hex digits in it")
        return key

    @property
    def audit_token(self) -> bytes | None:
        """The token that senders of OTLP need; None where no file is set. Raises SettingsError."""
        return self._long_secret("audit_token_file") if self.audit_token_file else None

    @property
    def stores_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("stores_password_file").decode() if self.stores_password_file else None

    @property
    def pseudonym_key(self) -> bytes | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("pseudonym_key_file") if self.pseudonym_key_file else None

    @property
    def feedback_secret(self) -> bytes:
        """What signs feedback tokens. Raises SettingsError, also where no file is set."""
        return self._long_secret("feedback_secret_file")

    def _long_secret(self, field: str) -> bytes:
        secret = self._secret(field)
        if len(secret) < 32:
            path = getattr(self, field)
            raise SettingsError(f"OTELGATE_{field.upper()}='{path}': expected at least 32 bytes in it")
        return secret

    def _secret(self, field: str) -> bytes:
        path: Path | None = getattr(self, field)
        env = f"OTELGATE_{field.upper()}"
        if path is None:
            raise SettingsError(f"{env}: not set; expected a file that can be read")
        try:
            return path.read_bytes().strip()
        except OSError:
            raise SettingsError(f"{env}='{path}': expected a file that can be read") from None


@dataclass(frozen=True)
class Row(_Spec):
    """One row of the settings table."""

    field: str = ""


def _rows() -> Iterator[Row]:
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        for spec in getattr(hint, "__metadata__", ()):
            yield Row(**{**vars(spec), "env": spec.env or f"OTELGATE_{field.upper()}", "field": field})


ROWS: tuple[Row, ...] = tuple(_rows())


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `env` (default: the process's); an empty value counts as unset, as in compose files.

    Raises SettingsError with one line for each bad value, and for each unknown name that can only be the sink's.
    """
    given = {name: value for name, value in (os.environ if env is None else env).items() if value}
    problems = list(_unknown(given))
    values: dict[str, Any] = {}
    for row in ROWS:
        raw = given.get(row.env) or row.default
        try:
            values[row.field] = row.kind.parse(raw) if raw else () if row.kind is ORIGINS else None
        except ValueError:
            problems.append(f"{row.env}={row.kind.shown(raw)!r}: expected {row.kind.expected}")
            values[row.field] = None
    problems += _ports_used_twice(values)
    problems += _open_to_others(values["audit_host"], values["published_host"])
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values)


def markdown() -> str:
    """The settings as a Markdown table, for docs/settings.md."""
    lines = ["| setting | default | expected | what it is |", "|---|---|---|---|"]
    for row in ROWS:
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| `{row.env}` | {default} | {row.kind.expected} | {row.doc} |")
    return "\n".join(lines) + "\n"


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    known = [row.env for row in ROWS]
    for name in sorted(set(given) - set(known) - _OTHERS):
        if name.startswith(_STRICT):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            yield f"{name}: unknown setting; " + (f"did you mean {near[0]}?" if near else "docs/settings.md lists them")


def _open_to_others(host: str | None, published: str | None) -> Iterator[str]:
    """The sink has no TLS: its token and all words would pass in the clear."""
    if host and not hosts.is_loopback(host) and not (published and hosts.is_loopback(published)):
        wrong = f"OTELGATE_PUBLISHED_HOST={published!r}" if published else f"OTELGATE_AUDIT_HOST={host!r}"
        yield f"{wrong}: expected {hosts.LOOPBACK}, since the sink has no TLS"


def _ports_used_twice(values: Mapping[str, Any]) -> Iterator[str]:
    first: dict[int, str] = {}
    for row in ROWS:
        if row.kind is PORT and (port := values[row.field]) is not None:
            if port in first:
                yield f"{row.env}='{port}': expected a port of its own, {first[port]} has the same"
            first.setdefault(port, row.env)


if __name__ == "__main__":
    print(markdown(), end="")
