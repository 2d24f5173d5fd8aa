"""A console in this process, at a port of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
import yaml
from otelgate_console.access.accounts import Account, Role, entry
from otelgate_console.access.guard import COOKIE
from otelgate_console.app import Console, application
from otelgate_console.asking import dashboards
from otelgate_console.asking.stores import Stores
from otelgate_console.data.alerts import Alerts
from otelgate_stack import web
from otelgate_stack.clients import Alertmanager, Prometheus

ROOT: Final = Path(__file__).resolve().parents[2]
_NAME: Final = "reader"
_PASSWORD: Final = "for tests"
_NOWHERE: Final = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Modules:
    """The packages that npm brings: the folder with ECharts, and the script of axe-core."""

    charts: Path
    axe: str


@dataclass(frozen=True)
class Served:
    """A console that answers at `url`. `session`: the cookie of a viewer who is logged in."""

    url: str
    console: Console
    session: str


class _NoRecorder:
    async def record(self, reader: Account, kind: str, of: str) -> bool:
        return False


def console_of(charts: Path, folder: Path, stores: Stores | None = None) -> Console:
    """A console with one account, a viewer; pages of content, alerts and costs have no store."""
    accounts = folder / "accounts.yaml"
    accounts.write_text(yaml.safe_dump({_NAME: entry(Role.VIEWER, _PASSWORD)}))
    return Console(
        dashboards.load(ROOT / "grafana" / "rendered" / "dashboards"),
        stores or Stores(),
        charts,
        accounts,
        "host=127.0.0.1 port=9 connect_timeout=1",
        _NoRecorder(),
        Alerts(Prometheus(_NOWHERE), Alertmanager(_NOWHERE), ROOT / "grafana" / "runbooks"),
    )


@contextmanager
def serving(console: Console) -> Iterator[Served]:
    """Answer until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application(console), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            yield Served(url, console, _session(url))
        finally:
            server.should_exit = True
            thread.join()


def _session(url: str) -> str:
    """Log in once: the login page allows few attempts."""
    with web.client(base_url=url) as client:
        answer = client.post("/login", data={"name": _NAME, "password": _PASSWORD})
        assert answer.status_code == 303, answer.text
        return answer.cookies[COOKIE]
