"""The ports on which this stack listens, and the secret that each asks for: `make doctor` shows them."""

import socket
from dataclasses import dataclass

from .. import state
from ..engines import compose_cli, services
from ..ports import loopback
from ..service_spec import CERTIFICATE, NO_PAGES, TOKEN
from ..service_table import PORT_WANTS
from ..settings import PREFIX, Settings

_NOTHING = "nothing"


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
    asked = ((CERTIFICATE, settings.tls_client_ca_file), (TOKEN, settings.token_file))
    given = " and ".join(name for name, on in asked if on)
    ours = {"grpc_port": given or _NOTHING, "http_port": given or NO_PAGES}
    return {PREFIX + field.upper(): wants for field, wants in (PORT_WANTS | ours).items()}


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
