"""The ports on which this stack listens, and the secret that each asks for: `make doctor` shows them."""

import socket
from dataclasses import dataclass

from .. import access, state
from ..engines import compose_cli, services
from ..ports import loopback
from ..settings import PREFIX, Settings

_TOKEN = "a token"
_CERTIFICATE = access.CERTIFICATE
_PASSWORD = access.PASSWORD
_NOTHING = "nothing"
_NO_PAGES = "nothing, but refuses web pages"

# By the setting of the port, without the two that depend on settings.
_WANTS = {
    "health_port": _NO_PAGES,
    "metrics_port": _NO_PAGES,
    "self_port": _TOKEN,
    "loki_grpc_port": _CERTIFICATE,
    "tempo_grpc_port": _CERTIFICATE,
    "tempo_otlp_port": _CERTIFICATE,
    "jaeger_grpc_port": _PASSWORD,
    "jaeger_otlp_port": _CERTIFICATE,
    "audit_port": _TOKEN,
    "audit_health_port": _NO_PAGES,
    "keeper_port": _NO_PAGES,
    "feedback_port": "a signed token for each vote",
    "postgres_port": _PASSWORD,
    "grafana_port": _PASSWORD,
} | {f"{service.replace('-', '_')}_port": wants for service, wants in access.WANTS.items()}


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
