"""GET /health: 200 if the process can do its work, else 503 with the reason as JSON. It does not query the database.

The sink and the keeper have no web application that could have this route, as the feedback endpoint has; uvicorn on a
thread, with its start and its port to wait for, would take more lines than http.server.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from .. import hosts

OK = "ok"


@dataclass
class State:
    """The state of the sink or the keeper; each field is `ok` or a reason as text."""

    database: str = "not asked yet"
    schema: str = "not asked yet"
    stopping: bool = False
    queue: Callable[[], tuple[int, float]] | None = field(default=lambda: (0, 0.0))
    """Requests in flight, and the age of the oldest in seconds; None where there are no requests."""

    def closed(self) -> str | None:
        """The reason why it can't work now; None if it can."""
        if self.stopping:
            return "the process is stopping"
        if self.database != OK:
            return f"database: {self.database}"
        return None if self.schema == OK else f"schema: {self.schema}"

    def report(self) -> dict[str, Any]:
        told: dict[str, Any] = {"status": self.closed() or OK, "database": self.database, "schema": self.schema}
        if self.queue:
            requests, oldest_s = self.queue()
            told["queue"] = {"requests": requests, "oldest_s": round(oldest_s, 3)}
        return told


class HealthServer:
    """`/health` on a separate port. Port 0 selects a free one."""

    def __init__(self, host: str, port: int, state: State) -> None:
        self._host, self._port, self._state = host, port, state
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def start(self) -> None:
        """Listen. Raises OSError if the port is in use."""
        try:
            server = _server(":" in self._host)((self._host, self._port), _handler(self._state))
        except OSError:
            raise OSError(f"{self._host}:{self._port}: can't listen there; is another process on that port?") from None
        self.port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()


def _server(ipv6: bool) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ipv6 else socket.AF_INET
        daemon_threads = True

    return Server


def _handler(state: State) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            host = self.headers.get("Host", "")
            if not hosts.is_local(host):
                self.send_error(421, f"Host={host[:60]!a}: expected {hosts.EXPECTED}")
                return
            if hosts.is_of_page(self.headers):
                self.send_error(403, "requests of web pages are refused")
                return
            if self.path.partition("?")[0] != "/health":
                self.send_error(404, "only /health is here")
                return
            report = state.report()
            body = orjson.dumps(report)
            self.send_response(200 if report["status"] == OK else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Don't log each probe."""

    return Handler
