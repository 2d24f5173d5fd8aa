"""Generated from compose/settings.yaml by `make generate`. Do not edit."""
# ruff: noqa: E501

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from .kinds import Row


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The value of each setting."""

    published_host: str | None
    max_message_mib: int
    max_connections_per_address: int
    pseudonym_key_file: Path | None
    database_url: str
    database_password_file: Path | None
    writer_password_file: Path | None
    grafana_database_password_file: Path | None
    audit_host: str
    audit_port: int
    audit_health_port: int
    keeper_port: int
    audit_token_file: Path | None
    audit_key_file: Path | None
    retention_audit: timedelta
    retention_events: timedelta
    query_limit: int
    prometheus_url: str
    loki_url: str
    witness: str | None
    otlp_endpoint: str
    feedback_host: str
    feedback_port: int
    feedback_origins: tuple[str, ...]
    feedback_secret_file: Path | None
    feedback_rate: str
    feedback_trust_proxy: int
    stores_password_file: Path | None
    stores_cert_file: Path | None
    stores_key_file: Path | None
    stores_ca_file: Path | None


ROWS: Final = (
    Row(
        "published_host",
        "OTELGATE_PUBLISHED_HOST",
        "host",
        "",
        "an IP address or a host name",
        "In a container: the host's address on which the ports are published, for the checks of open ports. Compose sets it.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "max_message_mib",
        "OTELGATE_MAX_MESSAGE_MIB",
        "whole",
        "16",
        "a whole number from 1 to 1024",
        "Largest accepted OTLP request, MiB. A small OTELGATE_MEMORY_LIMIT_MIB lowers it (docs/reference/limits.md).",
        readers=frozenset({"gateway", "sink"}),
        least=1,
        most=1024,
    ),
    Row(
        "max_connections_per_address",
        "OTELGATE_MAX_CONNECTIONS_PER_ADDRESS",
        "whole",
        "1000",
        "a whole number of at least 0",
        "Maximum number of gRPC connections, and of concurrent HTTP requests, from one address to the gateway, and of all connections to the audit sink. More are refused, and clients retry. Clients behind a proxy or a Docker network share one address. 0: no limit.",
        readers=frozenset({"gateway", "sink"}),
        least=0,
    ),
    Row(
        "pseudonym_key_file",
        "OTELGATE_PSEUDONYM_KEY_FILE",
        "file",
        "",
        "a file that can be read",
        "Key for pseudonyms of ids that are personal data (an e-mail address as `user.id`), `[email:3f9a…]`, the same in every store; `forget` finds a person by them. Without it, each such id becomes `[email]`.",
        readers=frozenset({"gateway", "keeper"}),
    ),
    Row(
        "database_url",
        "OTELGATE_DATABASE_URL",
        "database",
        "postgresql://otelgate@127.0.0.1:15432/otelgate",
        "a postgresql:// URL",
        "Database of the audit store, with the owner of its tables as the user. The sink logs in as another role. Without it, `make up` runs a PostgreSQL.",
        readers=frozenset({"keeper", "sink"}),
    ),
    Row(
        "database_password_file",
        "OTELGATE_DATABASE_PASSWORD_FILE",
        "file",
        "",
        "a file that can be read",
        "Password of that owner.",
        readers=frozenset({"keeper"}),
    ),
    Row(
        "writer_password_file",
        "OTELGATE_WRITER_PASSWORD_FILE",
        "file",
        "",
        "a file that can be read",
        "Password of the role `otelgate_writer`. The sink logs in with it; the keeper sets it.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "grafana_database_password_file",
        "OTELGATE_GRAFANA_DATABASE_PASSWORD_FILE",
        "file",
        "",
        "a file that can be read",
        "Password of Grafana's role. The keeper sets it.",
        readers=frozenset({"keeper"}),
    ),
    Row(
        "audit_host",
        "OTELGATE_AUDIT_HOST",
        "host",
        "127.0.0.1",
        "an IP address or a host name",
        "Address on which the sink and the keeper listen. Anything but loopback is for containers only, whose ports are published on loopback.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "audit_port",
        "OTELGATE_AUDIT_PORT",
        "port",
        "4320",
        "a port number from 1 to 65535",
        "Audit sink: OTLP over gRPC, from the gateway.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "audit_health_port",
        "OTELGATE_AUDIT_HEALTH_PORT",
        "port",
        "4321",
        "a port number from 1 to 65535",
        "Audit sink: HTTP, `/health` is 200 when records can be committed.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "keeper_port",
        "OTELGATE_KEEPER_PORT",
        "port",
        "4323",
        "a port number from 1 to 65535",
        "Keeper of the audit store: HTTP, `/health` is 200 when it can do its jobs.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "audit_token_file",
        "OTELGATE_AUDIT_TOKEN_FILE",
        "file",
        "",
        "a file that can be read",
        "Token that the gateway sends to the audit sink, at least 32 bytes. A sink without one accepts any sender; `make up` always sets one. Read at the start.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "audit_key_file",
        "OTELGATE_AUDIT_KEY_FILE",
        "file",
        "",
        "a file that can be read",
        "Chain key of the audit ledger, 64 hexadecimal digits. Keep a copy apart from the database.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "retention_audit",
        "OTELGATE_RETENTION_AUDIT",
        "retention",
        "90d",
        "a duration of at least 24h in hours, days or weeks, such as 90d",
        "How long turns and their records are kept.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "retention_events",
        "OTELGATE_RETENTION_EVENTS",
        "retention",
        "400d",
        "a duration of at least 24h in hours, days or weeks, such as 90d",
        "How long product events are kept.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "query_limit",
        "OTELGATE_QUERY_LIMIT",
        "whole",
        "50",
        "a whole number of at least 1",
        "Number of turns in an hour above which a user counts as over the limit.",
        readers=frozenset({"sink"}),
        least=1,
    ),
    Row(
        "prometheus_url",
        "OTELGATE_PROMETHEUS_URL",
        "url",
        "http://127.0.0.1:9090",
        "an http:// or https:// URL",
        "Prometheus, where reconciliation reads the gateway's counts.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "loki_url",
        "OTELGATE_LOKI_URL",
        "url",
        "https://127.0.0.1:3100",
        "an http:// or https:// URL",
        "Loki, where `verify` finds the ledger's heads.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "witness",
        "OTELGATE_WITNESS",
        "witness",
        "",
        "file: with an absolute path, or an http:// or https:// URL",
        "A second witness for the ledger's heads, outside of the stack: a file or a webhook.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "otlp_endpoint",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "url",
        "http://127.0.0.1:4317",
        "an http:// or https:// URL",
        "The gateway's OTLP over gRPC, to which the sink sends its own metrics, the ledger's heads and votes.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_host",
        "OTELGATE_FEEDBACK_HOST",
        "host",
        "127.0.0.1",
        "an IP address or a host name",
        "Address on which the feedback endpoint listens.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_port",
        "OTELGATE_FEEDBACK_PORT",
        "port",
        "4322",
        "a port number from 1 to 65535",
        "Feedback endpoint: HTTP, `POST /v1/feedback`.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_origins",
        "OTELGATE_FEEDBACK_ORIGINS",
        "origins",
        "",
        "origins such as https://app.example, with commas between",
        "Origins of web pages that may post votes. Without it, only the endpoint's own page may.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_secret_file",
        "OTELGATE_FEEDBACK_SECRET_FILE",
        "file",
        "",
        "a file that can be read",
        "Secret that signs feedback tokens, at least 32 bytes.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_rate",
        "OTELGATE_FEEDBACK_RATE",
        "rate",
        "30/minute",
        "a number per second, minute, hour or day, such as 30/minute",
        "Maximum rate of votes from one address, and for one token.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_trust_proxy",
        "OTELGATE_FEEDBACK_TRUST_PROXY",
        "whole",
        "0",
        "a whole number from 0 to 10",
        "Number of proxies in front of the feedback endpoint that add the client's address to X-Forwarded-For.",
        readers=frozenset({"sink"}),
        least=0,
        most=10,
    ),
    Row(
        "stores_password_file",
        "OTELGATE_STORES_PASSWORD_FILE",
        "file",
        "",
        "a file that can be read",
        "Password of the user `otelgate` at Prometheus. Without it, none is sent. Read at the start.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_cert_file",
        "OTELGATE_STORES_CERT_FILE",
        "file",
        "",
        "a file that can be read",
        "Client certificate for stores with https:// addresses, PEM.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_key_file",
        "OTELGATE_STORES_KEY_FILE",
        "file",
        "",
        "a file that can be read",
        "Its private key, PEM.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_ca_file",
        "OTELGATE_STORES_CA_FILE",
        "file",
        "",
        "a file that can be read",
        "CA of those stores' certificates, PEM, in addition to the system's.",
        readers=frozenset({"gateway", "sink"}),
    ),
)
