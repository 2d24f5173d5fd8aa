"""The ports on which this stack listens, and the secret that each asks for: `make doctor` shows them."""

import socket
from dataclasses import dataclass

from . import state
from .engines import compose_cli, services
from .engines.service import loopback
from .settings import PREFIX, Settings

_TOKEN = "a token"
_CERTIFICATE = "a certificate"
_PASSWORD = "a password"
_NOTHING = "nothing"
_NO_PAGES = "nothing, but refuses web pages"

# By the setting of the port, without the two that depend on settings.
_WANTS = {
    "health_port": _NO_PAGES,
    "metrics_port": _NOTHING,
    "self_port": _TOKEN,
    "prometheus_port": _NOTHING,
    "loki_port": _NOTHING,
    "loki_grpc_port": _NOTHING,
    "tempo_port": _NOTHING,
    "tempo_grpc_port": _NOTHING,
    "tempo_otlp_port": _NOTHING,
    "jaeger_port": _NOTHING,
    "jaeger_grpc_port": _NOTHING,
    "jaeger_otlp_port": _NOTHING,
    "audit_port": _TOKEN,
    "audit_health_port": "nothing, but refuses foreign names",
    "keeper_port": "nothing, but refuses foreign names",
    "feedback_port": "a signed token for each vote",
    "postgres_port": _PASSWORD,
    "alertmanager_port": _NOTHING,
    "prober_port": _NOTHING,
    "node_exporter_port": _NOTHING,
    "postgres_exporter_port": _NOTHING,
    "redis_exporter_port": _NOTHING,
    "grafana_port": _PASSWORD,
}


@dataclass(frozen=True)
class Door:
    """A port on which something listens. `wants`: what a sender has to know; `locked`: whether that is a secret."""

    service: str
    setting: str
    address: str
    wants: str
    locked: bool


def find(settings: Settings) -> list[Door]:
    """The open ports of this stack's services, in the order data flows."""
    wants = _wants(settings)
    return [
        Door(service, setting, f"{host}:{port}", wants[setting], not wants[setting].startswith(_NOTHING))
        for service, setting, (host, port) in _listeners(settings)
        if _listens(loopback(host).strip("[]"), port)
    ]


def _wants(settings: Settings) -> dict[str, str]:
    """By the name of the port's setting."""
    secrets = [name for name, on in ((_CERTIFICATE, settings.tls_client_ca_file), (_TOKEN, settings.token_file)) if on]
    given = " and ".join(secrets)
    ours = {"grpc_port": given or _NOTHING, "http_port": given or _NO_PAGES}
    return {PREFIX + field.upper(): wants for field, wants in (ours | _WANTS).items()}


def _listeners(settings: Settings) -> list[tuple[str, str, tuple[str, int]]]:
    if state.active_engine(settings) == "docker":
        names = compose_cli.running(settings)
        return [
            (name, setting, where)
            for name in names
            for setting, where in compose_cli.published(settings, [name]).items()
        ]
    return [(each.name, *port) for each in services.services(settings) for port in each.ports.items()]


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
