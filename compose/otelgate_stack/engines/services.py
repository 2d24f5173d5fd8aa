"""Services of the native engine: each service's arguments, environment, ports and health check, from the settings.

The configuration files are the ones that compose.yaml mounts, and the arguments are those that it gives.
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from otelgate_audit import kinds

from .. import access, credentials, target
from ..build.debian import EXPORTERS
from ..errors import StackError
from ..ports import LOOPBACK, loopback
from ..settings import Settings
from . import watchers
from .service import Service, bound, python_env

# The order data flows; then who watches.
ORDER = ("gateway", "prometheus", "loki", "tempo", "jaeger", "audit", "keeper", "postgres", "feedback", *watchers.ORDER)
# Votes come in at `feedback` and go to the gateway, and Grafana reads from all.
_STOP_FIRST = ("grafana", "feedback")
# Programs in Go -> MiB near which they collect garbage harder: nine tenths of their containers' limits. The gateway's
# follows from OTELGATE_MEMORY_LIMIT_MIB.
GO_MEMORY_MIB = {
    **dict.fromkeys(("prometheus", "loki", "tempo", "jaeger"), 900),
    "alertmanager": 230,
    **dict.fromkeys(EXPORTERS, 115),
    "grafana": 460,
}
# Modules of this very Python; the others are programs of builds.PROGRAMS.
PYTHON = ("audit", "keeper", "postgres", "feedback")


def names(settings: Settings) -> list[str]:
    """The services of a stack, in the order data flows."""
    unused = {{"tempo": "jaeger", "jaeger": "tempo"}.get(settings.traces_to)}
    if not settings.audit:
        unused |= {"audit", "keeper", "feedback"}
    if not settings.own_database:
        unused |= {"postgres", "postgres-exporter"}
    if not settings.exporters:
        unused |= set(EXPORTERS)
    return [name for name in ORDER if name not in unused]


def stop_order(names: Iterable[str]) -> list[str]:
    """So that what one service holds still reaches the next."""
    return sorted(names, key=lambda name: (name not in _STOP_FIRST, ORDER.index(name)))


def services(settings: Settings, only: Sequence[str] | None = None) -> list[Service]:
    """The stack's services; `only` picks some by name (also the trace store that the settings leave out)."""
    makers = {
        "gateway": _gateway,
        "prometheus": _prometheus,
        "loki": _loki,
        "tempo": _tempo,
        "jaeger": _jaeger,
        "audit": _audit,
        "keeper": _keeper,
        "postgres": _postgres,
        "feedback": _feedback,
        **watchers.MAKERS,
    }
    return [_bounded(makers[name](settings)) for name in (names(settings) if only is None else only)]


def _bounded(service: Service) -> Service:
    if service.name not in GO_MEMORY_MIB:
        return service
    limit = {"GOMEMLIMIT": f"{GO_MEMORY_MIB[service.name]}MiB"}
    return dataclasses.replace(service, environment=limit | service.environment)


def gateway_variables(settings: Settings) -> dict[str, str]:
    """How the sink reaches the gateway, in the standard variables; of a token that can't be read, the gateway tells.

    The authority to trust, and the certificate to show, are those that this process's own environment names, as for any
    application.
    """
    try:
        return target.find(settings, _given()).environment()
    except StackError:
        return {}


def gateway_authority(settings: Settings) -> Path | None:
    """The certificate by which the sink knows the gateway; None without TLS."""
    own = _given().get("OTEL_EXPORTER_OTLP_CERTIFICATE")
    return Path(own) if own and settings.tls_cert_file else settings.tls_cert_file


def client_certificate(settings: Settings) -> tuple[Path | None, Path | None]:
    """The certificate that the sink shows the gateway, and its key; None without TLS, or where none is named."""
    return (settings.tls_cert_file and target.client(_given())) or (None, None)


def _given() -> dict[str, str]:
    names = ("OTEL_EXPORTER_OTLP_CERTIFICATE", target.CLIENT_CERTIFICATE, target.CLIENT_KEY)
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _gateway(settings: Settings) -> Service:
    folder = settings.root / "collector" / "config"
    own = ("health_port", "metrics_port", "self_port")
    return Service(
        name="gateway",
        arguments=("--config", str(folder)),
        environment=settings.gateway_env(),
        secrets=access.known_by(settings),
        ports=bound(settings, "grpc_port", "http_port", host=settings.host) | bound(settings, *own),
        url=target.urls(settings)["http"],
        health=f"http://{LOOPBACK}:{settings.health_port}/",
        data_dir=settings.data_dir,
        configs=tuple(sorted(folder.rglob("*.yaml"))),
        stop_wait_s=10,  # with a store away it would go on trying; what it has acknowledged is on disk
    )


def _prometheus(settings: Settings) -> Service:
    config = watchers.prometheus_config(settings)
    data_dir = settings.state_dir / "prometheus"
    url = access.url(settings, "prometheus")
    return Service(
        name="prometheus",
        arguments=(
            f"--config.file={config}",
            f"--storage.tsdb.path={data_dir}",
            f"--storage.tsdb.retention.time={kinds.show(settings.retention_metrics)}",
            f"--web.listen-address={LOOPBACK}:{settings.prometheus_port}",
            f"--web.external-url={url}",
            "--web.enable-remote-write-receiver",
            "--web.cors.origin=none",  # no page has this origin; by default every page may read
            f"--web.config.file={access.web_config(settings)}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ),
        environment={},
        ports=bound(settings, "prometheus_port"),
        url=url,
        health=f"{url}/-/ready",
        data_dir=data_dir,
        configs=(config, *watchers.rules(settings)),
        secrets=access.known_by(settings),
    )


def _loki(settings: Settings) -> Service:
    config = settings.root / "compose" / "loki" / "loki.yaml"
    url = access.url(settings, "loki")
    return Service(
        name="loki",
        arguments=("-config.expand-env=true", f"-config.file={config}"),
        environment=_backend_env(settings, "loki", "loki_port", "loki_grpc_port", "retention_logs"),
        ports=bound(settings, "loki_port", "loki_grpc_port"),
        url=url,
        health=f"{url}/ready",
        data_dir=settings.state_dir / "loki",
        configs=(config,),
        secrets=access.known_by(settings),
    )


def _tempo(settings: Settings) -> Service:
    config = settings.root / "compose" / "tempo" / "tempo.yaml"
    ports = ("tempo_port", "tempo_grpc_port", "tempo_otlp_port")
    url = access.url(settings, "tempo")
    return Service(
        name="tempo",
        arguments=("-config.expand-env=true", f"-config.file={config}"),
        environment=_backend_env(settings, "tempo", *ports, "prometheus_port", "retention_traces"),
        ports=bound(settings, *ports),
        url=url,
        health=f"{url}/ready",
        data_dir=settings.state_dir / "tempo",
        configs=(config,),
        secrets=access.known_by(settings),
        # Within 30 s of a query this version waits in vain for its own query queue. Accepted data is in its
        # write-ahead log by then, so killing it loses nothing.
        stop_wait_s=5,
    )


def _jaeger(settings: Settings) -> Service:
    config = settings.root / "compose" / "jaeger" / "jaeger.yaml"
    ports = ("jaeger_port", "jaeger_grpc_port", "jaeger_otlp_port")
    url = access.url(settings, "jaeger")
    return Service(
        name="jaeger",
        arguments=("--config", f"file:{config}"),
        environment=_backend_env(settings, "jaeger", *ports, "retention_traces"),
        ports=bound(settings, *ports),
        url=url,
        health=f"{url}/api/services",
        data_dir=settings.state_dir / "jaeger",
        configs=(config,),
        secrets=access.known_by(settings),
    )


def _audit(settings: Settings) -> Service:
    return Service(
        name="audit",
        arguments=("-m", "otelgate_audit", "serve"),
        environment=python_env(settings) | settings.sink_env() | gateway_variables(settings),
        ports=bound(settings, "audit_port", "audit_health_port", host=settings.audit_host),
        url=f"http://{loopback(settings.audit_host)}:{settings.audit_port}",
        health=f"http://{loopback(settings.audit_host)}:{settings.audit_health_port}/health",
        data_dir=settings.state_dir / "audit",
        configs=_sources(settings.root / "audit" / "otelgate_audit"),
        after=("postgres",),
    )


def _keeper(settings: Settings) -> Service:
    url = f"http://{loopback(settings.audit_host)}:{settings.keeper_port}"
    return Service(
        name="keeper",
        arguments=("-m", "otelgate_audit", "keep"),
        environment=python_env(settings) | settings.owner_env() | gateway_variables(settings),
        ports=bound(settings, "keeper_port", host=settings.audit_host),
        url=url,
        health=f"{url}/health",
        data_dir=settings.state_dir / "keeper",
        secrets=access.known_by(settings),
        configs=_sources(settings.root / "audit" / "otelgate_audit"),
        after=("postgres",),
    )


def _feedback(settings: Settings) -> Service:
    url = f"http://{loopback(settings.feedback_host)}:{settings.feedback_port}"
    return Service(
        name="feedback",
        arguments=("-m", "otelgate_audit", "feedback"),
        environment=python_env(settings) | settings.sink_env() | gateway_variables(settings),
        ports=bound(settings, "feedback_port", host=settings.feedback_host),
        url=url,
        health=f"{url}/health",
        data_dir=settings.state_dir / "feedback",
        configs=_sources(settings.root / "audit" / "otelgate_audit"),
        stop_wait_s=10,
    )


def _postgres(settings: Settings) -> Service:
    data_dir = settings.state_dir / "postgres"
    owner, superuser = settings.database_password, credentials.superuser_password(settings)
    return Service(
        name="postgres",
        arguments=(
            *("-m", "otelgate_stack.engines.postgres", f"--folder={data_dir}", f"--port={settings.postgres_port}"),
            *(f"--superuser-password-file={superuser}", f"--owner-password-file={owner}"),
            f"--monitor-password-file={credentials.monitor_password(settings)}",
        ),
        environment=python_env(settings),
        ports=bound(settings, "postgres_port"),
        url=f"postgresql://{LOOPBACK}:{settings.postgres_port}",
        health=settings.database,
        data_dir=data_dir,
        configs=(Path(__file__).with_name("postgres.py"),),
        stop_wait_s=60,
        stop_signal="INT",  # on SIGTERM it would wait for every client to leave
        password_file=owner,
    )


def _sources(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(file for file in folder.rglob("*") if file.suffix in (".py", ".sql", ".js")))


def _backend_env(settings: Settings, name: str, *fields: str) -> dict[str, str]:
    """Variables of a backend's config file: its address, its data folder, and these settings."""
    known = {"OTELGATE_BACKEND_HOST": LOOPBACK, "OTELGATE_BACKEND_DIR": str(settings.state_dir / name)}
    known |= {f"OTELGATE_STORES_{name.upper()}": file for name, file in vars(access.of(settings)).items()}
    known["OTELGATE_STORES_USERS"] = str(access.htpasswd(settings))
    return known | {f"OTELGATE_{field.upper()}": kinds.show(getattr(settings, field)) for field in fields}
