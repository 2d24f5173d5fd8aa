"""The stack's own critical alerts: each fault is injected into a running stack, and a notification arrives.

Those that look back for minutes look back, and wait, a third as long here.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from alert_watch import Measured, Watch, watched
from in_place_of import speak_tls
from scaled_rules import Times

DAY_NS = 86_400 * 10**9
QUEUE_BYTES = 4_000_000
TIMES = {
    "AuditSinkAbsent": Times("40s", {"3m": "1m"}),
    "AuditKeeperAbsent": Times("40s", {"3m": "1m"}),
    "GatewayAbsent": Times("20s", {"2m": "40s"}),
}
LONG_S = 600
"""How long a notification is waited for at all."""


def attribute(name: str, text: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": text}}


RESOURCE = {"attributes": [attribute("service.name", "odd")]}


def send_line(watch: Watch, text: str) -> int:
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": text}}
    return watch.post("logs", {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"logRecords": [record]}]}]})


def send_turn(watch: Watch, days_ago: int) -> int:
    start = time.time_ns() - days_ago * DAY_NS
    span = {
        "traceId": "0123456789abcdef0123456789abcdef",
        "spanId": "0123456789abcdef",
        "name": "invoke_agent odd",
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 10**9),
        "attributes": [attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", "odd")],
    }
    return watch.post("traces", {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [span]}]}]})


class _Refusal(BaseHTTPRequestHandler):
    """A store that refuses for good."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_error(400)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def refusing_in_place_of(watch: Watch, store: str, port: int) -> Iterator[None]:
    """The gateway corrects what the stores are known to refuse, so a store that refuses has to be made."""
    watch.engine.stop(store)
    server = ThreadingHTTPServer(("127.0.0.1", port), _Refusal)
    speak_tls(server, watch.settings)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        watch.engine.start(store)


def fill_the_queue(watch: Watch) -> float:
    """Lines for a store that is away, until the gateway refuses them; returns when it did."""
    for _ in range(100):
        if send_line(watch, "a line that needs no masking. " * 20_000) != 200:
            return time.time()
    raise AssertionError("the gateway refused nothing")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.shows("L1", "L2")
def test_the_stack_tells_of_itself(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    rows: list[Measured] = []
    with watched(tmp_path, TIMES, OTELGATE_QUEUE_BYTES=str(QUEUE_BYTES)) as watch:

        def told(alert: str, thrown: float, service: str = "") -> None:
            rows.append(watch.measure(alert, service, thrown, LONG_S))

        with refusing_in_place_of(watch, "loki", watch.settings.loki_port):
            began = time.time()
            assert send_line(watch, "refused for good") == 200
            told("StoreRejecting", began)
        # Older than the audit store keeps.
        began = time.time()
        assert send_turn(watch, days_ago=200) == 200
        told("AuditRejecting", began)
        # A store, the audit sink, its keeper and the database stop.
        began = time.time()
        for name in ("audit", "keeper", "loki", "postgres"):
            watch.engine.stop(name)
        filled = fill_the_queue(watch)
        told("GatewayQueueFull", filled)
        told("DatabaseDown", began, "postgres")
        told("ServiceDown", began, "loki")
        told("AuditSinkAbsent", began)
        told("AuditKeeperAbsent", began)
        # Last, since it is how all the others are seen.
        began = time.time()
        watch.engine.stop("gateway")
        told("ServiceDown", began, "otelgate-gateway")
        told("GatewayAbsent", began)
    for row in rows:
        record_property("measured", str(row))
