"""Generated from compose/settings.yaml by `make generate`. Do not edit."""
# ruff: noqa: E501

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from otelgate_audit.kinds import Row


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The value of each setting."""

    engine: str
    state_dir: Path
    cache_dir: Path
    port_offset: int
    host: str
    grpc_port: int
    http_port: int
    health_port: int
    metrics_port: int
    self_port: int
    insecure: bool
    tls_cert_file: Path | None
    tls_key_file: Path | None
    tls_client_ca_file: Path | None
    token_file: Path | None
    applications_file: Path | None
    data_dir: Path
    fsync: bool
    memory_limit_mib: int
    queue_bytes: int
    queue_reserve_bytes: int
    max_message_mib: int
    max_connections_per_address: int
    max_item_bytes: int
    instance_id: str | None
    log_level: str
    traces_to: str
    content_traces: str
    content_logs: str
    content_audit: str
    log_bodies: str
    policy_file: Path | None
    pseudonym_key_file: Path
    mapping_file: Path | None
    keep_originals: bool
    prices_file: Path | None
    metrics_file: Path | None
    sample_percent: str
    sample_slow: str
    sample_cost_usd: str
    sample_wait: str
    sample_traces: int
    prometheus_port: int
    loki_port: int
    loki_grpc_port: int
    tempo_port: int
    tempo_grpc_port: int
    tempo_otlp_port: int
    jaeger_port: int
    jaeger_grpc_port: int
    jaeger_otlp_port: int
    postgres_port: int
    database_url: str | None
    database_password_file: Path | None
    writer_password_file: Path
    grafana_database_password_file: Path
    audit: bool
    audit_host: str
    audit_port: int
    audit_health_port: int
    keeper_port: int
    audit_token_file: Path
    audit_key_file: Path
    retention_audit: timedelta
    retention_events: timedelta
    query_limit: int
    prometheus_url: str
    loki_url: str
    witness: str | None
    feedback_host: str
    feedback_port: int
    feedback_origins: tuple[str, ...]
    feedback_secret_file: Path
    feedback_rate: str
    feedback_trust_proxy: int
    prometheus_endpoint: str
    loki_endpoint: str
    tempo_endpoint: str
    jaeger_endpoint: str
    audit_endpoint: str
    stores_password_file: Path
    stores_cert_file: Path
    stores_key_file: Path
    stores_ca_file: Path
    alertmanager_port: int
    prober_port: int
    node_exporter_port: int
    postgres_exporter_port: int
    redis_exporter_port: int
    grafana_port: int
    exporters: bool
    slack_webhook_file: Path | None
    slack_channel: str
    pagerduty_key_file: Path | None
    pagerduty_url: str
    smtp_host: str | None
    smtp_from: str
    smtp_to: str | None
    smtp_user: str | None
    smtp_password_file: Path | None
    smtp_require_tls: bool
    alert_webhook_url: str | None
    grafana_url: str
    runbooks_url: str | None
    vulnerabilities_go: str
    vulnerabilities_python: str
    retention_metrics: timedelta
    retention_logs: timedelta
    retention_traces: timedelta


ROWS: Final = (
    Row(
        "engine",
        "OTELGATE_ENGINE",
        "one_of",
        "auto",
        "one of auto, native, docker",
        "How the stack runs; `ENGINE` for short.",
        values=("auto", "native", "docker"),
    ),
    Row(
        "state_dir",
        "OTELGATE_STATE_DIR",
        "path",
        ".otelgate",
        "a path",
        "Folder of the stack's data and secrets. `make clean` removes it.",
    ),
    Row(
        "cache_dir",
        "OTELGATE_CACHE_DIR",
        "path",
        "{cache}/otelgate",
        "a path",
        "Folder of built programs, one for each pinned version. The default follows `XDG_CACHE_HOME`.",
    ),
    Row(
        "port_offset",
        "OTELGATE_PORT_OFFSET",
        "whole",
        "0",
        "a whole number from 0 to 40000",
        "Added to each port that has no setting of its own. With `1000`, a second stack can run beside the first.",
        least=0,
        most=40000,
    ),
    Row(
        "host",
        "OTELGATE_HOST",
        "host",
        "127.0.0.1",
        "an IP address or a host name",
        "Address on which the gateway receives OTLP.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "grpc_port",
        "OTELGATE_GRPC_PORT",
        "port",
        "4317",
        "a port number from 1 to 65535",
        "Gateway: OTLP over gRPC.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "http_port",
        "OTELGATE_HTTP_PORT",
        "port",
        "4318",
        "a port number from 1 to 65535",
        "Gateway: OTLP over HTTP.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "health_port",
        "OTELGATE_HEALTH_PORT",
        "port",
        "13133",
        "a port number from 1 to 65535",
        "Gateway: health check, on 127.0.0.1.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "metrics_port",
        "OTELGATE_METRICS_PORT",
        "port",
        "8888",
        "a port number from 1 to 65535",
        "Gateway: its own metrics as Prometheus text, on 127.0.0.1.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "self_port",
        "OTELGATE_SELF_PORT",
        "port",
        "4319",
        "a port number from 1 to 65535",
        "Gateway: OTLP on 127.0.0.1, for its own metrics.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "insecure",
        "OTELGATE_INSECURE",
        "boolean",
        "false",
        "true or false",
        "`true` allows listening beyond 127.0.0.1 without TLS and a token.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "tls_cert_file",
        "OTELGATE_TLS_CERT_FILE",
        "file",
        "",
        "a file that can be read",
        "Server certificate of the gateway, PEM.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "tls_key_file",
        "OTELGATE_TLS_KEY_FILE",
        "file",
        "",
        "a file that can be read",
        "Its private key, PEM.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "tls_client_ca_file",
        "OTELGATE_TLS_CLIENT_CA_FILE",
        "file",
        "",
        "a file that can be read",
        "CA of client certificates, PEM. Clients need a certificate in addition to the token. Reloaded when it changes.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "token_file",
        "OTELGATE_TOKEN_FILE",
        "file",
        "",
        "a file that can be read",
        "Bearer token that clients must send; it allows data of any service. Reloaded when it changes.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "applications_file",
        "OTELGATE_APPLICATIONS_FILE",
        "file",
        "",
        "a file that can be read",
        "Token, services, team and limits of each application (docs/how-to/security.md). Reloaded when it changes.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "data_dir",
        "OTELGATE_DATA_DIR",
        "path",
        "{state_dir}/gateway",
        "a path",
        "Folder of the export queues and of the derived metrics' totals. Each gateway needs its own.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "fsync",
        "OTELGATE_FSYNC",
        "boolean",
        "false",
        "true or false",
        "`true` makes queued data survive power loss, not only a crash.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "memory_limit_mib",
        "OTELGATE_MEMORY_LIMIT_MIB",
        "whole",
        "512",
        "a whole number of at least 128",
        "Memory limit of the gateway, MiB. It refuses requests that would exceed it, and clients retry; the container's limit is derived from it.",
        readers=frozenset({"gateway"}),
        least=128,
    ),
    Row(
        "queue_bytes",
        "OTELGATE_QUEUE_BYTES",
        "whole",
        "1000000000",
        "a whole number of at least 8192",
        "Maximum size of each export queue on disk, bytes; less if the disk is smaller. A full queue refuses data, and clients retry.",
        readers=frozenset({"gateway"}),
        least=8192,
    ),
    Row(
        "queue_reserve_bytes",
        "OTELGATE_QUEUE_RESERVE_BYTES",
        "whole",
        "67108864",
        "a whole number of at least 1048576",
        "Free space reserved on the disk of the queues, bytes, at most a tenth of the disk. Below it, data is refused, and clients retry.",
        readers=frozenset({"gateway"}),
        least=1048576,
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
        "max_item_bytes",
        "OTELGATE_MAX_ITEM_BYTES",
        "whole",
        "1000000",
        "a whole number from 16384 to 1250000",
        "Largest span or log record, bytes. The content of a larger one is cut and marked (docs/reference/limits.md).",
        readers=frozenset({"gateway"}),
        least=16384,
        most=1250000,
    ),
    Row(
        "instance_id",
        "OTELGATE_INSTANCE_ID",
        "text",
        "",
        "text",
        "Name of this gateway in its own and the derived metrics, followed by a short id from OTELGATE_DATA_DIR. Defaults to the host name.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "log_level",
        "OTELGATE_LOG_LEVEL",
        "one_of",
        "info",
        "one of debug, info, warn, error",
        "Level of the gateway's own log.",
        readers=frozenset({"gateway"}),
        values=("debug", "info", "warn", "error"),
    ),
    Row(
        "traces_to",
        "OTELGATE_TRACES_TO",
        "one_of",
        "tempo",
        "one of tempo, jaeger, both",
        "Where traces are stored.",
        readers=frozenset({"gateway"}),
        values=("tempo", "jaeger", "both"),
    ),
    Row(
        "content_traces",
        "OTELGATE_CONTENT_TRACES",
        "one_of",
        "none",
        "one of none, masked, full",
        "Message content in Tempo and Jaeger: none, with personal data masked, or all of it.",
        readers=frozenset({"gateway"}),
        values=("none", "masked", "full"),
    ),
    Row(
        "content_logs",
        "OTELGATE_CONTENT_LOGS",
        "one_of",
        "none",
        "one of none, masked, full",
        "Message content in Loki: none, with personal data masked, or all of it.",
        readers=frozenset({"gateway"}),
        values=("none", "masked", "full"),
    ),
    Row(
        "content_audit",
        "OTELGATE_CONTENT_AUDIT",
        "one_of",
        "opt_in",
        "one of opt_in, none, masked, full",
        "Message content in the audit store: `opt_in` keeps it, with personal data masked, if the sender's resource has `otelgate.content=true` (our SDK with content on), and removes it otherwise; `none`, `masked` and `full` apply to all senders.",
        readers=frozenset({"gateway"}),
        values=("opt_in", "none", "masked", "full"),
    ),
    Row(
        "log_bodies",
        "OTELGATE_LOG_BODIES",
        "one_of",
        "mask",
        "one of mask, remove",
        "Text of applications' own log lines if OTELGATE_CONTENT_LOGS is `none`: masked or removed. The text of GenAI events is always removed.",
        readers=frozenset({"gateway"}),
        values=("mask", "remove"),
    ),
    Row(
        "policy_file",
        "OTELGATE_POLICY_FILE",
        "file",
        "",
        "a file that can be read",
        "Your own masking rules and attribute lists, in the format of `collector/redact/policy.yaml`.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "pseudonym_key_file",
        "OTELGATE_PSEUDONYM_KEY_FILE",
        "file",
        "{state_dir}/secrets/pseudonym_key",
        "a file that can be read",
        "Key for pseudonyms of ids that are personal data (an e-mail address as `user.id`), `[email:3f9a…]`, the same in every store; `forget` finds a person by them. Without it, each such id becomes `[email]`.",
        readers=frozenset({"gateway", "keeper"}),
    ),
    Row(
        "mapping_file",
        "OTELGATE_MAPPING_FILE",
        "file",
        "",
        "a file that can be read",
        "Your own dialects, in the format of `collector/genai/mapping.yaml`.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "keep_originals",
        "OTELGATE_KEEP_ORIGINALS",
        "boolean",
        "false",
        "true or false",
        "`true` keeps the original attributes in addition to the mapped ones.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "prices_file",
        "OTELGATE_PRICES_FILE",
        "file",
        "",
        "a file that can be read",
        "Your own prices, in the format of `collector/pricing/testdata/override.json`. Reloaded when it changes.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "metrics_file",
        "OTELGATE_METRICS_FILE",
        "file",
        "",
        "a file that can be read",
        "Your own derived metrics, in the format of `collector/derive/metrics.yaml`.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "sample_percent",
        "OTELGATE_SAMPLE_PERCENT",
        "percent",
        "100",
        "a number from 0 to 100",
        "Share of ordinary traces that is stored. Traces with an error, and slow, costly or low-rated ones, are always stored. Metrics count all.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "sample_slow",
        "OTELGATE_SAMPLE_SLOW",
        "duration",
        "10s",
        "a duration of at least 1s, such as 30s, 5m or 1h",
        "Duration from which a trace is slow.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "sample_cost_usd",
        "OTELGATE_SAMPLE_COST_USD",
        "positive",
        "0.1",
        "a number above 0",
        "Cost of a model call from which its trace is costly, US dollars.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "sample_wait",
        "OTELGATE_SAMPLE_WAIT",
        "duration",
        "60s",
        "a duration of at least 1s, such as 30s, 5m or 1h",
        "Time for which an ordinary trace waits in memory, in case a later span makes it one to store.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "sample_traces",
        "OTELGATE_SAMPLE_TRACES",
        "whole",
        "3000",
        "a whole number of at least 1",
        "Maximum number of waiting traces. The oldest are dropped first.",
        readers=frozenset({"gateway"}),
        least=1,
    ),
    Row(
        "prometheus_port",
        "OTELGATE_PROMETHEUS_PORT",
        "port",
        "9090",
        "a port number from 1 to 65535",
        "Prometheus: HTTP.",
    ),
    Row(
        "loki_port", "OTELGATE_LOKI_PORT", "port", "3100", "a port number from 1 to 65535", "Loki: HTTP, OTLP included."
    ),
    Row(
        "loki_grpc_port",
        "OTELGATE_LOKI_GRPC_PORT",
        "port",
        "9095",
        "a port number from 1 to 65535",
        "Loki: gRPC between its own parts.",
    ),
    Row("tempo_port", "OTELGATE_TEMPO_PORT", "port", "3200", "a port number from 1 to 65535", "Tempo: HTTP."),
    Row(
        "tempo_grpc_port",
        "OTELGATE_TEMPO_GRPC_PORT",
        "port",
        "9096",
        "a port number from 1 to 65535",
        "Tempo: gRPC between its own parts.",
    ),
    Row(
        "tempo_otlp_port",
        "OTELGATE_TEMPO_OTLP_PORT",
        "port",
        "14317",
        "a port number from 1 to 65535",
        "Tempo: OTLP over gRPC.",
    ),
    Row(
        "jaeger_port",
        "OTELGATE_JAEGER_PORT",
        "port",
        "16686",
        "a port number from 1 to 65535",
        "Jaeger: HTTP query API.",
    ),
    Row(
        "jaeger_grpc_port",
        "OTELGATE_JAEGER_GRPC_PORT",
        "port",
        "16685",
        "a port number from 1 to 65535",
        "Jaeger: gRPC query API.",
    ),
    Row(
        "jaeger_otlp_port",
        "OTELGATE_JAEGER_OTLP_PORT",
        "port",
        "24317",
        "a port number from 1 to 65535",
        "Jaeger: OTLP over gRPC.",
    ),
    Row(
        "postgres_port",
        "OTELGATE_POSTGRES_PORT",
        "port",
        "15432",
        "a port number from 1 to 65535",
        "PostgreSQL, unless `OTELGATE_DATABASE_URL` is set.",
    ),
    Row(
        "database_url",
        "OTELGATE_DATABASE_URL",
        "database",
        "",
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
        "{state_dir}/secrets/writer_password",
        "a file that can be read",
        "Password of the role `otelgate_writer`. The sink logs in with it; the keeper sets it.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "grafana_database_password_file",
        "OTELGATE_GRAFANA_DATABASE_PASSWORD_FILE",
        "file",
        "{state_dir}/secrets/grafana_database_password",
        "a file that can be read",
        "Password of Grafana's role. The keeper sets it.",
        readers=frozenset({"keeper"}),
    ),
    Row(
        "audit",
        "OTELGATE_AUDIT",
        "boolean",
        "true",
        "true or false",
        "`false` disables the audit sink: turns are then not recorded.",
        readers=frozenset({"gateway"}),
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
        "{state_dir}/secrets/audit_token",
        "a file that can be read",
        "Token that the gateway sends to the audit sink, at least 32 bytes. A sink without one accepts any sender; `make up` always sets one. Read at the start.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "audit_key_file",
        "OTELGATE_AUDIT_KEY_FILE",
        "file",
        "{state_dir}/secrets/audit_key",
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
        "http://127.0.0.1:{prometheus_port}",
        "an http:// or https:// URL",
        "Prometheus, where reconciliation reads the gateway's counts.",
        readers=frozenset({"sink"}),
    ),
    Row(
        "loki_url",
        "OTELGATE_LOKI_URL",
        "url",
        "https://127.0.0.1:{loki_port}",
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
        "{state_dir}/secrets/feedback_secret",
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
        "prometheus_endpoint",
        "OTELGATE_PROMETHEUS_ENDPOINT",
        "url",
        "http://127.0.0.1:{prometheus_port}/api/v1/write",
        "an http:// or https:// URL",
        "Prometheus' remote write.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "loki_endpoint",
        "OTELGATE_LOKI_ENDPOINT",
        "url",
        "https://127.0.0.1:{loki_port}/otlp",
        "an http:// or https:// URL",
        "Loki's OTLP over HTTP.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "tempo_endpoint",
        "OTELGATE_TEMPO_ENDPOINT",
        "store",
        "https://127.0.0.1:{tempo_otlp_port}",
        "host:port, or https://host:port with TLS",
        "Tempo's OTLP over gRPC.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "jaeger_endpoint",
        "OTELGATE_JAEGER_ENDPOINT",
        "store",
        "https://127.0.0.1:{jaeger_otlp_port}",
        "host:port, or https://host:port with TLS",
        "Jaeger's OTLP over gRPC.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "audit_endpoint",
        "OTELGATE_AUDIT_ENDPOINT",
        "endpoint",
        "127.0.0.1:{audit_port}",
        "host:port",
        "The audit sink's OTLP over gRPC.",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "stores_password_file",
        "OTELGATE_STORES_PASSWORD_FILE",
        "file",
        "{state_dir}/secrets/stores_password",
        "a file that can be read",
        "Password of the user `otelgate` at Prometheus. Without it, none is sent. Read at the start.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_cert_file",
        "OTELGATE_STORES_CERT_FILE",
        "file",
        "{state_dir}/secrets/stores_certificate",
        "a file that can be read",
        "Client certificate for stores with https:// addresses, PEM.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_key_file",
        "OTELGATE_STORES_KEY_FILE",
        "file",
        "{state_dir}/secrets/stores_key",
        "a file that can be read",
        "Its private key, PEM.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "stores_ca_file",
        "OTELGATE_STORES_CA_FILE",
        "file",
        "{stores_cert_file}",
        "a file that can be read",
        "CA of those stores' certificates, PEM, in addition to the system's.",
        readers=frozenset({"gateway", "sink"}),
    ),
    Row(
        "alertmanager_port",
        "OTELGATE_ALERTMANAGER_PORT",
        "port",
        "9093",
        "a port number from 1 to 65535",
        "Alertmanager: HTTP.",
    ),
    Row("prober_port", "OTELGATE_PROBER_PORT", "port", "9115", "a port number from 1 to 65535", "Prober: HTTP."),
    Row(
        "node_exporter_port",
        "OTELGATE_NODE_EXPORTER_PORT",
        "port",
        "9100",
        "a port number from 1 to 65535",
        "Exporter of the host's metrics: HTTP.",
    ),
    Row(
        "postgres_exporter_port",
        "OTELGATE_POSTGRES_EXPORTER_PORT",
        "port",
        "9187",
        "a port number from 1 to 65535",
        "Exporter of PostgreSQL's metrics: HTTP.",
    ),
    Row(
        "redis_exporter_port",
        "OTELGATE_REDIS_EXPORTER_PORT",
        "port",
        "9121",
        "a port number from 1 to 65535",
        "Exporter of Redis' metrics: HTTP.",
    ),
    Row("grafana_port", "OTELGATE_GRAFANA_PORT", "port", "3000", "a port number from 1 to 65535", "Grafana: HTTP."),
    Row(
        "exporters",
        "OTELGATE_EXPORTERS",
        "boolean",
        "true",
        "true or false",
        "Whether the prober and the exporters run.",
    ),
    Row(
        "slack_webhook_file",
        "OTELGATE_SLACK_WEBHOOK_FILE",
        "file",
        "",
        "a file that can be read",
        "Alerts: URL of a Slack webhook. Without it, no alert is sent to Slack.",
    ),
    Row("slack_channel", "OTELGATE_SLACK_CHANNEL", "text", "#alerts", "text", "Alerts: channel in Slack."),
    Row(
        "pagerduty_key_file",
        "OTELGATE_PAGERDUTY_KEY_FILE",
        "file",
        "",
        "a file that can be read",
        "Alerts: PagerDuty's integration key. Without it, no alert is sent to PagerDuty.",
    ),
    Row(
        "pagerduty_url",
        "OTELGATE_PAGERDUTY_URL",
        "url",
        "https://events.pagerduty.com/v2/enqueue",
        "an http:// or https:// URL",
        "Alerts: address of PagerDuty's events API.",
    ),
    Row(
        "smtp_host",
        "OTELGATE_SMTP_HOST",
        "endpoint",
        "",
        "host:port",
        "Alerts: mail server. Without it, no alert is sent by e-mail.",
    ),
    Row(
        "smtp_from",
        "OTELGATE_SMTP_FROM",
        "address",
        "otelgate@localhost",
        "a mail address",
        "Alerts: sender of e-mails.",
    ),
    Row(
        "smtp_to",
        "OTELGATE_SMTP_TO",
        "addresses",
        "",
        "mail addresses, with commas between",
        "Alerts: recipients of e-mails.",
    ),
    Row("smtp_user", "OTELGATE_SMTP_USER", "text", "", "text", "Alerts: user at the mail server."),
    Row(
        "smtp_password_file",
        "OTELGATE_SMTP_PASSWORD_FILE",
        "file",
        "",
        "a file that can be read",
        "Alerts: password of that user.",
    ),
    Row(
        "smtp_require_tls",
        "OTELGATE_SMTP_REQUIRE_TLS",
        "boolean",
        "true",
        "true or false",
        "Alerts: send e-mail over STARTTLS only.",
    ),
    Row(
        "alert_webhook_url",
        "OTELGATE_ALERT_WEBHOOK_URL",
        "url",
        "",
        "an http:// or https:// URL",
        "Alerts: URL that also gets every notification, as JSON.",
    ),
    Row(
        "grafana_url",
        "OTELGATE_GRAFANA_URL",
        "url",
        "http://127.0.0.1:{grafana_port}",
        "an http:// or https:// URL",
        "URL of Grafana in links.",
    ),
    Row(
        "runbooks_url",
        "OTELGATE_RUNBOOKS_URL",
        "url",
        "",
        "an http:// or https:// URL",
        "URL of the runbooks in links. Without it, links name the files.",
    ),
    Row(
        "vulnerabilities_go",
        "OTELGATE_VULNERABILITIES_GO",
        "source",
        "https://vuln.go.dev",
        "a path, or a file://, http:// or https:// URL",
        "`make vulnerabilities`: the Go vulnerability database, or a mirror of it.",
    ),
    Row(
        "vulnerabilities_python",
        "OTELGATE_VULNERABILITIES_PYTHON",
        "source",
        "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip",
        "a path, or a file://, http:// or https:// URL",
        "`make vulnerabilities`: OSV records of Python packages: a zip, or a folder of JSON or YAML.",
    ),
    Row(
        "retention_metrics",
        "OTELGATE_RETENTION_METRICS",
        "retention",
        "30d",
        "a duration of at least 24h in hours, days or weeks, such as 90d",
        "How long Prometheus keeps metrics.",
    ),
    Row(
        "retention_logs",
        "OTELGATE_RETENTION_LOGS",
        "retention",
        "31d",
        "a duration of at least 24h in hours, days or weeks, such as 90d",
        "How long Loki keeps logs. A log record that is older when it arrives is stored with its time of arrival (docs/reference/limits.md).",
        readers=frozenset({"gateway"}),
    ),
    Row(
        "retention_traces",
        "OTELGATE_RETENTION_TRACES",
        "retention",
        "7d",
        "a duration of at least 24h in hours, days or weeks, such as 90d",
        "How long Tempo and Jaeger keep traces.",
    ),
)
