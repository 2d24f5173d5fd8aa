"""The stack's settings: one table, read from the environment and from `.env` at the repository's root.

Every field of `Settings` is one row: its name, type, default and line of doc. docs/settings.md shows the rows that
are the stack's own (`python -m otelgate_stack settings --markdown`).
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from . import kinds
from .errors import SettingsError

__all__ = ["OF_BOTH", "PREFIX", "ROWS", "WRITER", "Row", "Settings", "SettingsError", "load", "markdown"]

PREFIX = "OTELGATE_"
# Secrets that the gateway and the sink both have, generated like the sink's.
OF_BOTH = (
    *("pseudonym_key_file", "audit_token_file"),
    *("stores_password_file", "stores_ca_file", "stores_cert_file", "stores_key_file"),
)
WRITER = "otelgate_writer"
"""The sink's role in the database."""
ROOT = Path(__file__).resolve().parents[2]

# Passwords of the database's owner, and of the role that only its process sets.
_OF_THE_OWNER = ("OTELGATE_DATABASE_PASSWORD_FILE", "OTELGATE_GRAFANA_DATABASE_PASSWORD_FILE")
# Names that start like ours and are none of the stack's settings: the release, which versions.env sets, and the SDK's
# own, since an application may be set up in the same shell.
_NOT_SETTINGS = {"OTELGATE_VERSION", "OTELGATE_EXIT_TIMEOUT", "OTELGATE_FEEDBACK_SECRET"}


@dataclass(frozen=True)
class _Spec:
    """A setting beside its type. `default` may name the rows above it.

    `gateway`: passed on to the gateway; `sink`: to the audit sink and its feedback endpoint.
    """

    default: str
    kind: kinds.Kind
    doc: str
    gateway: bool = False
    sink: bool = False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one stack runs with. Paths are absolute; durations are in Go's notation, in hours (`720h`)."""

    root: Path
    engine: Annotated[
        str, _Spec("auto", kinds.choice("auto", "native", "docker"), "How the stack runs (`ENGINE` for short).")
    ]
    state_dir: Annotated[
        Path, _Spec(".otelgate", kinds.PATH, "Everything that runs keeps its state here; `make clean` removes it.")
    ]
    cache_dir: Annotated[
        Path, _Spec("{cache}/otelgate", kinds.PATH, "Built programs, keyed by their pins (honours `XDG_CACHE_HOME`).")
    ]

    port_offset: Annotated[
        int,
        _Spec("0", kinds.OFFSET, "Added to each port that isn't set itself: `1000` makes room for a second stack."),
    ]
    host: Annotated[str, _Spec("127.0.0.1", kinds.HOST, "Address on which the gateway receives OTLP.", gateway=True)]
    grpc_port: Annotated[int, _Spec("4317", kinds.PORT, "Gateway: OTLP over gRPC.", gateway=True)]
    http_port: Annotated[int, _Spec("4318", kinds.PORT, "Gateway: OTLP over HTTP.", gateway=True)]
    health_port: Annotated[int, _Spec("13133", kinds.PORT, "Gateway: health check, 200 when up.", gateway=True)]
    metrics_port: Annotated[
        int, _Spec("8888", kinds.PORT, "Gateway: its own metrics as Prometheus text.", gateway=True)
    ]
    self_port: Annotated[int, _Spec("4319", kinds.PORT, "Gateway: loopback OTLP for its own telemetry.", gateway=True)]
    insecure: Annotated[
        bool, _Spec("false", kinds.BOOL, "Allow listening beyond 127.0.0.1 without TLS and a token.", gateway=True)
    ]
    tls_cert_file: Annotated[Path | None, _Spec("", kinds.PATH, "Gateway: TLS certificate (PEM).", gateway=True)]
    tls_key_file: Annotated[Path | None, _Spec("", kinds.PATH, "Gateway: key of that certificate (PEM).", gateway=True)]
    tls_client_ca_file: Annotated[
        Path | None, _Spec("", kinds.PATH, "Gateway: authority of clients' certificates (PEM).", gateway=True)
    ]
    token_file: Annotated[
        Path | None, _Spec("", kinds.PATH, "Gateway: file with the bearer token clients must send.", gateway=True)
    ]
    applications_file: Annotated[
        Path | None, _Spec("", kinds.PATH, "Gateway: a token, services and limits by application.", gateway=True)
    ]
    data_dir: Annotated[Path, _Spec("{state_dir}/gateway", kinds.PATH, "Gateway: the queues on disk.", gateway=True)]
    fsync: Annotated[
        bool, _Spec("false", kinds.BOOL, "Sync each queue write: survives power loss, costs time.", gateway=True)
    ]
    memory_limit_mib: Annotated[
        int, _Spec("512", kinds.MEMORY, "Gateway: memory that it keeps to, in MiB.", gateway=True)
    ]
    queue_bytes: Annotated[
        int, _Spec("1000000000", kinds.QUEUE, "Gateway: size of each queue on disk, in bytes.", gateway=True)
    ]
    queue_reserve_bytes: Annotated[
        int, _Spec("67108864", kinds.RESERVE, "Gateway: what stays free on the queues' disk, in bytes.", gateway=True)
    ]
    max_message_mib: Annotated[
        int, _Spec("16", kinds.COUNT, "Gateway: largest request it takes, in MiB.", gateway=True, sink=True)
    ]
    max_connections_per_address: Annotated[
        int,
        _Spec("1000", kinds.NONE_OR_MORE, "Gateway: connections of an address; 0: no bound.", gateway=True, sink=True),
    ]
    max_item_bytes: Annotated[
        int, _Spec("1000000", kinds.ITEM, "Gateway: largest span or log record; larger ones are cut.", gateway=True)
    ]
    instance_id: Annotated[
        str | None,
        _Spec("", kinds.TEXT, "Gateway: its name in metrics, before an id (host name if empty).", gateway=True),
    ]
    log_level: Annotated[
        str, _Spec("info", kinds.choice("debug", "info", "warn", "error"), "Gateway: log level.", gateway=True)
    ]
    traces_to: Annotated[
        str, _Spec("tempo", kinds.choice("tempo", "jaeger", "both"), "Where traces are stored.", gateway=True)
    ]

    content_traces: Annotated[
        str, _Spec("none", kinds.choice("none", "masked", "full"), "Message content in trace stores.", gateway=True)
    ]
    content_logs: Annotated[
        str, _Spec("none", kinds.choice("none", "masked", "full"), "Message content in Loki.", gateway=True)
    ]
    content_audit: Annotated[
        str,
        _Spec("opt_in", kinds.choice("opt_in", "none", "masked", "full"), "Content in the audit store.", gateway=True),
    ]
    log_bodies: Annotated[str, _Spec("mask", kinds.choice("mask", "remove"), "Log lines in Loki.", gateway=True)]
    policy_file: Annotated[Path | None, _Spec("", kinds.PATH, "Gateway: more masking rules.", gateway=True)]
    pseudonym_key_file: Annotated[
        Path | None,
        _Spec(
            "{state_dir}/secrets/pseudonym_key",
            kinds.PATH,
            "What makes pseudonyms of ids that are personal data; gateway and sink.",
            sink=True,
        ),
    ]
    mapping_file: Annotated[Path | None, _Spec("", kinds.PATH, "Gateway: more dialects.", gateway=True)]
    keep_originals: Annotated[bool, _Spec("false", kinds.BOOL, "Gateway: keep what was mapped.", gateway=True)]
    prices_file: Annotated[Path | None, _Spec("", kinds.PATH, "Gateway: more prices.", gateway=True)]
    metrics_file: Annotated[Path | None, _Spec("", kinds.PATH, "Gateway: more derived metrics.", gateway=True)]

    sample_percent: Annotated[
        str, _Spec("100", kinds.PERCENT, "Gateway: share of ordinary traces stored; 100 is all.", gateway=True)
    ]
    sample_slow: Annotated[str, _Spec("10s", kinds.DURATION, "Gateway: slow traces are always stored.", gateway=True)]
    sample_cost_usd: Annotated[
        str, _Spec("0.1", kinds.POSITIVE, "Gateway: so are those with a call of this price.", gateway=True)
    ]
    sample_wait: Annotated[str, _Spec("60s", kinds.DURATION, "Gateway: how long others are held.", gateway=True)]
    sample_traces: Annotated[int, _Spec("3000", kinds.COUNT, "Gateway: how many are held at most.", gateway=True)]

    prometheus_port: Annotated[int, _Spec("9090", kinds.PORT, "Prometheus: HTTP.")]
    loki_port: Annotated[int, _Spec("3100", kinds.PORT, "Loki: HTTP, OTLP included.")]
    loki_grpc_port: Annotated[int, _Spec("9095", kinds.PORT, "Loki: gRPC between its own parts.")]
    tempo_port: Annotated[int, _Spec("3200", kinds.PORT, "Tempo: HTTP.")]
    tempo_grpc_port: Annotated[int, _Spec("9096", kinds.PORT, "Tempo: gRPC between its own parts.")]
    tempo_otlp_port: Annotated[int, _Spec("14317", kinds.PORT, "Tempo: OTLP over gRPC.")]
    jaeger_port: Annotated[int, _Spec("16686", kinds.PORT, "Jaeger: HTTP query API.")]
    jaeger_grpc_port: Annotated[int, _Spec("16685", kinds.PORT, "Jaeger: gRPC query API.")]
    jaeger_otlp_port: Annotated[int, _Spec("24317", kinds.PORT, "Jaeger: OTLP over gRPC.")]

    postgres_port: Annotated[int, _Spec("15432", kinds.PORT, "PostgreSQL, unless `OTELGATE_DATABASE_URL` is set.")]
    database_url: Annotated[
        str | None, _Spec("", kinds.DATABASE, "A database of yours for the audit store, as its owner.", sink=True)
    ]
    database_password_file: Annotated[Path | None, _Spec("", kinds.PATH, "File with that role's password.", sink=True)]
    writer_password_file: Annotated[
        Path | None,
        _Spec("{state_dir}/secrets/writer_password", kinds.PATH, "The audit sink's password there.", sink=True),
    ]
    grafana_database_password_file: Annotated[
        Path | None,
        _Spec("{state_dir}/secrets/grafana_database_password", kinds.PATH, "Grafana's password there.", sink=True),
    ]
    audit: Annotated[
        bool, _Spec("true", kinds.BOOL, "Gateway: whether conversations go to the audit sink.", gateway=True)
    ]
    audit_host: Annotated[str, _Spec("127.0.0.1", kinds.HOST, "Address of the sink and the keeper.", sink=True)]
    audit_port: Annotated[int, _Spec("4320", kinds.PORT, "Audit sink: OTLP over gRPC.", sink=True)]
    audit_health_port: Annotated[int, _Spec("4321", kinds.PORT, "Audit sink: HTTP, `/health`.", sink=True)]
    keeper_port: Annotated[int, _Spec("4323", kinds.PORT, "Keeper of the audit store: HTTP, `/health`.", sink=True)]
    audit_token_file: Annotated[
        Path | None,
        _Spec(
            "{state_dir}/secrets/audit_token",
            kinds.PATH,
            "The token that the gateway sends to the sink.",
            sink=True,
        ),
    ]
    audit_key_file: Annotated[
        Path | None,
        _Spec("{state_dir}/secrets/audit_key", kinds.PATH, "Audit sink: the ledger's chain key.", sink=True),
    ]
    retention_audit: Annotated[
        str, _Spec("90d", kinds.RETENTION, "How long conversations and their records are kept.", sink=True)
    ]
    retention_events: Annotated[str, _Spec("400d", kinds.RETENTION, "How long product events are kept.", sink=True)]
    query_limit: Annotated[int, _Spec("50", kinds.COUNT, "Conversations an hour that are too many.", sink=True)]
    prometheus_url: Annotated[
        str, _Spec("http://127.0.0.1:{prometheus_port}", kinds.URL, "Prometheus as the sink sees it.", sink=True)
    ]
    loki_url: Annotated[str, _Spec("https://127.0.0.1:{loki_port}", kinds.URL, "Loki as the sink sees it.", sink=True)]
    witness: Annotated[
        str | None, _Spec("", kinds.WITNESS, "A second place for the heads of the audit's ledger.", sink=True)
    ]
    feedback_host: Annotated[str, _Spec("127.0.0.1", kinds.HOST, "Address on which votes are taken.", sink=True)]
    feedback_port: Annotated[int, _Spec("4322", kinds.PORT, "HTTP: `POST /v1/feedback`.", sink=True)]
    feedback_origins: Annotated[str | None, _Spec("", kinds.ORIGINS, "Pages that may post votes.", sink=True)]
    feedback_secret_file: Annotated[
        Path | None,
        _Spec("{state_dir}/secrets/feedback_secret", kinds.PATH, "What signs feedback tokens.", sink=True),
    ]
    feedback_rate: Annotated[str, _Spec("30/minute", kinds.RATE, "Votes from one address or token.", sink=True)]
    feedback_trust_proxy: Annotated[
        int, _Spec("0", kinds.PROXIES, "Proxies in front of it that tell the address.", sink=True)
    ]

    tempo_endpoint: Annotated[
        str, _Spec("https://127.0.0.1:{tempo_otlp_port}", kinds.STORE, "Tempo as the gateway sees it.", gateway=True)
    ]
    jaeger_endpoint: Annotated[
        str, _Spec("https://127.0.0.1:{jaeger_otlp_port}", kinds.STORE, "Jaeger as the gateway sees it.", gateway=True)
    ]
    audit_endpoint: Annotated[
        str, _Spec("127.0.0.1:{audit_port}", kinds.ENDPOINT, "The audit sink as the gateway sees it.", gateway=True)
    ]
    loki_endpoint: Annotated[
        str, _Spec("https://127.0.0.1:{loki_port}/otlp", kinds.URL, "Loki as the gateway sees it.", gateway=True)
    ]
    prometheus_endpoint: Annotated[
        str,
        _Spec(
            "http://127.0.0.1:{prometheus_port}/api/v1/write",
            kinds.URL,
            "Prometheus as the gateway sees it.",
            gateway=True,
        ),
    ]
    stores_password_file: Annotated[
        Path | None,
        _Spec(
            "{state_dir}/secrets/stores_password",
            kinds.PATH,
            "The password of `otelgate` at Prometheus and what else takes passwords.",
            sink=True,
        ),
    ]
    stores_cert_file: Annotated[
        Path | None,
        _Spec(
            "{state_dir}/secrets/stores_certificate",
            kinds.PATH,
            "The certificate of Loki, Tempo, Jaeger and of those who ask them (PEM).",
            sink=True,
        ),
    ]
    stores_key_file: Annotated[
        Path | None,
        _Spec(
            "{state_dir}/secrets/stores_key",
            kinds.PATH,
            "The key of that certificate (PEM).",
            sink=True,
        ),
    ]
    stores_ca_file: Annotated[
        Path | None,
        _Spec(
            "{stores_cert_file}",
            kinds.PATH,
            "Authority of that certificate (PEM).",
            sink=True,
        ),
    ]

    alertmanager_port: Annotated[int, _Spec("9093", kinds.PORT, "Alertmanager: HTTP.")]
    prober_port: Annotated[int, _Spec("9115", kinds.PORT, "Prober: HTTP.")]
    node_exporter_port: Annotated[int, _Spec("9100", kinds.PORT, "Exporter of the host's metrics: HTTP.")]
    postgres_exporter_port: Annotated[int, _Spec("9187", kinds.PORT, "Exporter of PostgreSQL's metrics: HTTP.")]
    redis_exporter_port: Annotated[int, _Spec("9121", kinds.PORT, "Exporter of Redis' metrics: HTTP.")]
    grafana_port: Annotated[int, _Spec("3000", kinds.PORT, "Grafana: HTTP.")]
    exporters: Annotated[bool, _Spec("true", kinds.BOOL, "Whether the prober and the exporters run.")]
    slack_webhook_file: Annotated[
        Path | None, _Spec("", kinds.PATH, "Alerts: file with the URL of a Slack webhook; none, no Slack.")
    ]
    slack_channel: Annotated[str, _Spec("#alerts", kinds.TEXT, "Alerts: the channel there.")]
    pagerduty_key_file: Annotated[
        Path | None, _Spec("", kinds.PATH, "Alerts: file with PagerDuty's integration key; none, no PagerDuty.")
    ]
    pagerduty_url: Annotated[
        str, _Spec("https://events.pagerduty.com/v2/enqueue", kinds.URL, "Alerts: where PagerDuty takes them.")
    ]
    smtp_host: Annotated[str | None, _Spec("", kinds.ENDPOINT, "Alerts: the mail server; none, no mail.")]
    smtp_from: Annotated[str, _Spec("otelgate@localhost", kinds.ADDRESS, "Alerts: the mails' sender.")]
    smtp_to: Annotated[str | None, _Spec("", kinds.ADDRESSES, "Alerts: who gets mails.")]
    smtp_user: Annotated[str | None, _Spec("", kinds.TEXT, "Alerts: user at the mail server.")]
    smtp_password_file: Annotated[Path | None, _Spec("", kinds.PATH, "Alerts: file with that user's password.")]
    smtp_require_tls: Annotated[bool, _Spec("true", kinds.BOOL, "Alerts: send mail by STARTTLS only.")]
    alert_webhook_url: Annotated[
        str | None, _Spec("", kinds.URL, "Alerts: every notification goes there, too, as JSON.")
    ]
    grafana_url: Annotated[
        str, _Spec("http://127.0.0.1:{grafana_port}", kinds.URL, "Grafana as people reach it: links begin with it.")
    ]
    runbooks_url: Annotated[
        str | None, _Spec("", kinds.URL, "Where people read the runbooks; none, links name the files.")
    ]

    vulnerabilities_go: Annotated[
        str,
        _Spec(
            "https://vuln.go.dev",
            kinds.SOURCE,
            "`make vulnerabilities`: the Go vulnerability database, or a mirror of it.",
        ),
    ]
    vulnerabilities_python: Annotated[
        str,
        _Spec(
            "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip",
            kinds.SOURCE,
            "`make vulnerabilities`: OSV records of Python packages: a zip, or a folder of JSON or YAML.",
        ),
    ]

    retention_metrics: Annotated[str, _Spec("30d", kinds.RETENTION, "How long Prometheus keeps metrics.")]
    retention_logs: Annotated[str, _Spec("31d", kinds.RETENTION, "How long Loki keeps logs.", gateway=True)]
    retention_traces: Annotated[str, _Spec("7d", kinds.RETENTION, "How long Tempo and Jaeger keep traces.")]

    def gateway_env(self) -> dict[str, str]:
        """The gateway's environment, `OTELGATE_*` only: it refuses names it doesn't know."""
        pairs = {row.env: getattr(self, row.field) for row in ROWS if row.gateway}
        pairs |= {row.env: getattr(self, row.field) for row in ROWS if row.field in OF_BOTH}
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
        pairs = {row.env: getattr(self, row.field) for row in ROWS if row.sink}
        pairs |= {"OTELGATE_DATABASE_URL": self.database, "OTELGATE_DATABASE_PASSWORD_FILE": self.database_password}
        pairs["OTELGATE_STORES_PASSWORD_FILE"] = self.prometheus_password(self.prometheus_url)
        return {name: kinds.show(value) for name, value in pairs.items() if value is not None}

    def sink_env(self) -> dict[str, str]:
        """The audit sink's, and its feedback endpoint's: without what is the owner's."""
        kept = {name: value for name, value in self.owner_env().items() if name not in _OF_THE_OWNER}
        return kept | {"OTELGATE_DATABASE_URL": self.database_of_writer}

    def ports(self) -> dict[str, int]:
        """Every port of the table by its setting's name, `OTELGATE_LOKI_PORT` -> 3100."""
        return {row.env: getattr(self, row.field) for row in ROWS if row.kind is kinds.PORT}


@dataclass(frozen=True)
class Row(_Spec):
    """One row of the settings table."""

    field: str = ""

    @property
    def env(self) -> str:
        return PREFIX + self.field.upper()


def _rows() -> Iterator[Row]:
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        for spec in getattr(hint, "__metadata__", ()):
            yield Row(**vars(spec), field=field)


ROWS: tuple[Row, ...] = tuple(_rows())


def load(env: Mapping[str, str] | None = None, root: Path | None = None) -> Settings:
    """Read the settings; an empty value counts as unset, as in compose files.

    `env` is the whole environment to read; without it, that of this process, over what `.env` in `root` says.
    `root` is the repository (default: the one this file is in); relative paths start there.
    Raises SettingsError with one line for each unknown name and each bad value.
    """
    root = (root or ROOT).resolve()
    if env is None:
        env = {**_env_file(root / ".env"), **os.environ}
    given = {name: value for name, value in env.items() if value and (name.startswith(PREFIX) or name == "ENGINE")}
    if "ENGINE" in given:
        given[PREFIX + "ENGINE"] = given.pop("ENGINE")
    problems = list(_unknown(given))
    values: dict[str, Any] = {"root": root}
    shown = {"cache": env.get("XDG_CACHE_HOME") or "~/.cache"}
    for row in ROWS:
        raw = given.get(row.env) or _default(row, shown, values)
        try:
            values[row.field] = row.kind.parse(raw, root) if raw else None
        except ValueError:
            problems.append(f"{row.env}={row.kind.shown(raw)!r}: expected {row.kind.expected}")
            values[row.field] = None
        shown[row.field] = raw
    problems += _ports_used_twice(values)
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values)


def _default(row: Row, shown: Mapping[str, str], values: Mapping[str, Any]) -> str:
    """What holds where a setting isn't given: it follows from those above it."""
    if row.kind is kinds.PORT:
        return str(int(row.default) + (values["port_offset"] or 0))
    return row.default.format_map(shown)


def _env_file(file: Path) -> dict[str, str]:
    """What `.env` says. Raises SettingsError with each line that is no setting; what is in it may be a secret."""
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
    """Where it begins: the parser counts the empty lines before it to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def markdown() -> str:
    """The stack's own settings as Markdown, for docs/settings.md.

    The gateway and the sink render their own (collector/settings, `python -m otelgate_audit.settings`).
    """
    shown = {"cache": "~/.cache"}
    lines = ["| setting | default | expected | what it is |", "|---|---|---|---|"]
    for row in ROWS:
        shown[row.field] = row.default.format_map(shown)
        if row.gateway or row.sink:
            continue
        default = f"`{shown[row.field]}`" if shown[row.field] else ""
        lines.append(f"| `{row.env}` | {default} | {row.kind.expected} | {row.doc} |")
    return "\n".join(lines) + "\n"


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    known = [row.env for row in ROWS]
    for name in sorted(set(given) - set(known) - _NOT_SETTINGS):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        yield f"{name}: unknown setting; " + (f"did you mean {near[0]}?" if near else "docs/settings.md lists them")


def _ports_used_twice(values: Mapping[str, Any]) -> Iterator[str]:
    first: dict[int, str] = {}
    for row in ROWS:
        if row.kind is kinds.PORT and (port := values[row.field]) is not None:
            if port in first:
                yield f"{row.env}='{port}': expected a port of its own, {first[port]} has the same"
            first.setdefault(port, row.env)


def shown(settings: Settings, row: Row) -> str:
    """The value of one setting the way the environment writes it; empty if unset."""
    value = getattr(settings, row.field)
    return "" if value is None else row.kind.shown(kinds.show(value))
