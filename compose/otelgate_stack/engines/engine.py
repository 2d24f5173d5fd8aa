"""One way to run the stack, and how it tells of its services."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ServiceStatus:
    """One service as `make status` shows it. `state`: running, stopped, starting or failed; `uptime_s` in seconds."""

    name: str
    state: str
    pid_or_container: str
    uptime_s: float | None
    url: str
    ready: bool


class Engine(Protocol):
    """The interface of an engine for `make up|down|status|logs|clean`. Methods raise StackError."""

    name: str

    def up(self) -> None:
        """Bring everything up and wait until it answers; take it down again if that fails."""

    def down(self) -> None:
        """Stop everything; data stays. Nothing up: says so."""

    def clean(self) -> None:
        """Remove the data that is not in the state folder (volumes); called after `down`."""

    def status(self) -> list[ServiceStatus]:
        """Every service, in the order data flows."""

    def logs(self, services: Sequence[str], follow: bool) -> None:
        """Print the logs of these services (none: of all), each line after its service's name."""

    def reload(self, service: str) -> None:
        """Have one service read its files again, where it runs and can (Prometheus)."""

    def start(self, service: str) -> None:
        """Start one service and wait until it answers."""

    def stop(self, service: str) -> None:
        """Stop one service; it stays down until `start` or `up`."""
