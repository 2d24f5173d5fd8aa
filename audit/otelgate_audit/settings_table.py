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
        "In a container: the address of its host on which its ports are published; the checks for open ports look at it. Compose sets it.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "max_message_mib",
        "OTELGATE_MAX_MESSAGE_MIB",
        "whole",
        "16",
        "a whole number from 1 to 1024",
        "Largest OTLP request that is taken, MiB. The gateway takes less where OTELGATE_MEMORY_LIMIT_MIB has fewer than 28 MiB for each of its MiB, and 64 more (docs/reference/limits.md).",
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
        "Connections over gRPC, and concurrent requests over HTTP, that the gateway has from one address, and connections that the audit sink has in all; more are refused, and clients retry. A proxy or a Docker network makes many clients one address. 0: no bound.",
        readers=frozenset({"gateway", "sink"}),
        least=0,
    ),
    Row(
        "pseudonym_key_file",
        "OTELGATE_PSEUDONYM_KEY_FILE",
        "file",
        "",
        "a file that can be read",
        "Key by which ids that are personal data (an e-mail as `user.id`) become pseudonyms, `[email:3f9a…]`, the same in every store, and by which `forget` finds a person. Without one they all become `[email]`.",
        readers=frozenset({"gateway", "keeper"}),
    ),
    Row(
        "database_url",
        "OTELGATE_DATABASE_URL",
        "database",
        "postgresql://otelgate@127.0.0.1:15432/otelgate",
        "a postgresql:// URL",
        "Database of the audit store, as the owner of its tables. The sink logs in as another role. Without it, `make up` runs one.",
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
        "Address on which the sink and the keeper listen: loopback, except in a container that is published there.",
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
        "Keeper of the audit store: HTTP, `/health` is 200 when it does its jobs.",
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
        "Chain key of the audit's ledger, 64 hex digits. Keep a copy apart from the database.",
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
        "Turns in an hour from which a user counts as over the limit.",
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
        "A second place for the ledger's heads, out of the stack's reach: a file or a webhook.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "otlp_endpoint",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "url",
        "http://127.0.0.1:4317",
        "an http:// or https:// URL",
        "The gateway, by OTLP over gRPC, for the sink's own metrics, the ledger's heads and votes.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_host",
        "OTELGATE_FEEDBACK_HOST",
        "host",
        "127.0.0.1",
        "an IP address or a host name",
        "Address on which votes are taken.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_port",
        "OTELGATE_FEEDBACK_PORT",
        "port",
        "4322",
        "a port number from 1 to 65535",
        "HTTP: `POST /v1/feedback`.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_origins",
        "OTELGATE_FEEDBACK_ORIGINS",
        "origins",
        "",
        "origins such as https://app.example, with commas between",
        "Origins of web pages that may post votes. Without it, only the endpoint's own page.",
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
        "Votes that are taken from one address, and for one token.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "feedback_trust_proxy",
        "OTELGATE_FEEDBACK_TRUST_PROXY",
        "whole",
        "0",
        "a whole number from 0 to 10",
        "Proxies in front of the feedback endpoint that add the client's address to X-Forwarded-For.",
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
        "Password of user `otelgate` at Prometheus. Without it, none is sent. Read at the start.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_cert_file",
        "OTELGATE_STORES_CERT_FILE",
        "file",
        "",
        "a file that can be read",
        "Certificate that is shown to stores with https:// addresses, PEM.",
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
        "Authority that signed those stores' certificates, PEM, in addition to those of the system.",
        readers=frozenset({"gateway", "sink"}),
    ),
)
