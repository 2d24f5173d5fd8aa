"""`make doctor`: follows one canary of each signal hop by hop, and names the hop that loses it.

application → gateway → received → exported → stored: the gateway's answer, its own counters, the store's answer; and
behind the audit sink, the rows in PostgreSQL. Before all of them, whether the disks have room; after them, which ports
are open, and what a sender has to know there.
"""

import json
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from urllib.parse import urlsplit

from .. import target
from ..clients import GatewayMetrics, StoreError
from ..report import Report
from ..settings import Settings
from . import doors, hops, queue_disk
from .canary import PROTOCOLS, SIGNALS, Canary, RefusedError, send
from .hops import Hop, Route

DEADLINE_S = 15.0
ASK_EVERY_S = 0.1
CANARIES = len(PROTOCOLS)


def run(settings: Settings, report: Report, *, as_json: bool = False, deadline_s: float = DEADLINE_S) -> int:
    """Examine the stack of these settings and print one line for each hop.

    `deadline_s` is how long a hop may take, in seconds. Returns the exit status: 0 when everything arrived, else 1.
    """
    found: list[Hop] = []

    def say(hop: Hop) -> None:
        said = any(hop.fix == earlier.fix for earlier in found)
        found.append(hop)
        if not as_json:
            _print(hop, report, with_fix=not said)

    for disk in hops.disk_hops(settings):
        say(disk)
    examine(settings, say, deadline_s)
    lost = [hop for hop in found if hop.ok is False]
    listening = doors.find(settings)
    if as_json:
        told = {"ok": not lost, "hops": [asdict(hop) for hop in found], "doors": [asdict(door) for door in listening]}
        report.line(json.dumps(told, indent=2))
        return 1 if lost else 0
    _print_open_ports(listening, report)
    if lost:
        where = "; ".join(f"{hop.signal}: {hop.name}" for hop in lost)
        report.line("\n" + report.style(f"stopped at {where}", "red"))
    else:
        report.line("\n" + report.style("all well: every canary is in its store", "green"))
    return 1 if lost else 0


def examine(settings: Settings, say: Callable[[Hop], None], deadline_s: float) -> None:
    """Send the canaries and `say` each hop as it is known; the hops of a signal come together, in order."""
    where = target.find(settings)
    ways = hops.routes(settings)
    door = _check_gateway_port(where, ways)
    for detail, fix in queue_disk.problems(settings):
        say(Hop("gateway", "queues' disk", False, 0, detail, fix))
    say(door)
    if not door.ok:
        return
    gateway = GatewayMetrics.of(settings)
    before, canary = hops.counters(gateway), Canary()
    with ThreadPoolExecutor(max_workers=len(SIGNALS)) as pool:
        visits = [
            pool.submit(_Visit(settings, where, gateway, before, canary, deadline_s).follow, signal, ways)
            for signal in SIGNALS
        ]
        for visit in visits:
            for hop in visit.result():
                say(hop)
    for hop in hops.changed(gateway):
        say(hop)


def _check_gateway_port(where: target.Target, ways: list[Route]) -> Hop:
    """Whether anything listens where applications send to."""
    started = time.monotonic()
    closed = [f"{url} ({name})" for url, name in ((where.grpc, "gRPC"), (where.http, "HTTP")) if not _opens(url)]
    seconds = time.monotonic() - started
    if not closed:
        return Hop("gateway", "port", True, seconds, f"{where.grpc} (gRPC) and {where.http} (HTTP) are open")
    detail = f"nothing listens at {' and '.join(closed)}"
    if len(closed) == 2 and not any(route.store.reachable() for route in ways):
        return Hop("gateway", "port", False, seconds, f"the stack is not up: {detail}", "start it with `make up`")
    fix = "start the gateway with `make up`; if it stops again, `make logs SERVICE=gateway` says why"
    return Hop("gateway", "port", False, seconds, detail, fix)


def _opens(url: str) -> bool:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    try:
        with socket.create_connection((parts.hostname or "", parts.port or default), timeout=3):
            return True
    except OSError:
        return False


class _Visit:
    """One canary's way through the gateway."""

    def __init__(
        self,
        settings: Settings,
        where: target.Target,
        gateway: GatewayMetrics,
        before: dict[str, float] | None,
        canary: Canary,
        deadline_s: float,
    ) -> None:
        self._settings = settings
        self._where = where
        self._gateway = gateway
        self._before = before or {}
        self._has_metrics = before is not None
        self._canary = canary
        self._deadline_s = deadline_s
        self._started = time.monotonic()

    def follow(self, signal: str, ways: list[Route]) -> list[Hop]:
        """All hops of one signal."""
        self._started = time.monotonic()
        found = [self._accepted(signal)]
        if found[-1].ok:
            found.append(self._received(signal))
            for route in ways:
                if route.signal == signal:
                    found += self._delivered(route)
        return found

    def _accepted(self, signal: str) -> Hop:
        problems: dict[str, RefusedError] = {}
        for protocol in PROTOCOLS:
            try:
                send(self._where, signal, protocol, self._canary)
            except RefusedError as error:
                problems[protocol] = error
        if not problems:
            return self._hop(signal, "application → gateway", True, "OTLP accepted over gRPC and HTTP")
        detail = "; ".join(f"{protocol}: {error}" for protocol, error in problems.items())
        kind = next(iter(problems.values())).kind
        fix = hops.why_refused(kind, self._settings, os.environ)
        if kind not in ("closed", "tls", "token"):
            fix = hops.room(self._settings) or fix
        return self._hop(signal, "application → gateway", False, detail, fix)

    def _received(self, signal: str) -> Hop:
        """The gateway's own count. Other applications move it too: the store's answer is the proof, this is the way."""
        counter = f"otelcol_receiver_accepted_{hops.ITEMS[signal]}"
        if not self._has_metrics:
            detail = f"{self._gateway.url}/metrics does not answer, so this and the next hop can't be counted"
            return self._hop(signal, "gateway received", None, detail, "check OTELGATE_METRICS_PORT")

        def moved() -> bool:
            return self._delta(hops.counters(self._gateway), lambda now: now.get(f"{counter}/otlp", 0)) >= CANARIES

        if self._wait(moved):
            return self._hop(signal, "gateway received", True, f"{counter} counts both")
        return self._hop(
            signal,
            "gateway received",
            False,
            f"accepted, but {counter} does not move",
            "is another gateway on this port? `make status` shows who listens",
        )

    def _delivered(self, route: Route) -> list[Hop]:
        exported, stored = route.exported_hop, route.stored_hop
        problem = ""

        def sent() -> bool:
            return self._delta(hops.counters(self._gateway), route.sent) >= CANARIES

        def in_store() -> bool:
            nonlocal problem
            try:
                arrived = route.arrived(self._canary)
                problem = f"{arrived} of {CANARIES} canaries"
            except StoreError as error:
                arrived, problem = 0, str(error)
            return arrived >= CANARIES

        def hopeless() -> bool:
            now = hops.counters(self._gateway) or {}
            return route.closed() or self._delta(now, route.dropped) > 0

        if not self._wait(lambda: sent() or in_store(), hopeless):
            detail, fix = hops.why_not_exported(route, self._before, hops.counters(self._gateway) or {})
            fix = hops.room(self._settings) or fix
            return [self._hop(route.signal, hops.where_it_stops(route), False, detail, fix)]
        detail = f"{route.exporter} has sent both"
        found = [self._hop(route.signal, exported, True, detail)]
        if self._wait(in_store):
            return [*found, self._hop(route.signal, stored, True, route.evidence)]
        return [*found, self._hop(route.signal, stored, False, *hops.why_not_stored(route, problem))]

    def _delta(self, now: dict[str, float] | None, read: Callable[[hops.Counters], float]) -> float:
        """How much a counter moved since before the visit; a restarted gateway counts from zero."""
        if now is None:
            return 0
        after, before = read(now), read(self._before)
        return after - before if after >= before else after

    def _wait(self, condition: Callable[[], bool], hopeless: Callable[[], bool] = lambda: False) -> bool:
        """Whether `condition` comes true within the deadline; given up early where it is `hopeless` twice running."""
        started, strikes = time.monotonic(), 0
        while not condition():
            strikes = strikes + 1 if hopeless() else 0
            if strikes > 1 or time.monotonic() - started > self._deadline_s:
                return condition()
            time.sleep(ASK_EVERY_S)
        return True

    def _hop(self, signal: str, name: str, ok: bool | None, detail: str, fix: str = "") -> Hop:
        return Hop(signal, name, ok, time.monotonic() - self._started, detail, fix)


def _print_open_ports(listening: list[doors.Door], report: Report) -> None:
    """One line for all ports that require the same of a sender."""
    if listening:
        report.line("\nopen ports:")
    for wants in dict.fromkeys(door.wants for door in sorted(listening, key=lambda door: door.locked)):
        alike = [door for door in listening if door.wants == wants]
        ports = ", ".join(f"{door.service} {door.address}" for door in alike)
        report.line(f"  require {wants}: {ports}", *(() if alike[0].locked else ("yellow",)))


def _print(hop: Hop, report: Report, *, with_fix: bool) -> None:
    mark = {True: report.style("✔", "green"), False: report.style("✘", "red"), None: report.style("?", "yellow")}
    report.line(f"{mark[hop.ok]} {hop.signal:<8}{hop.name:<24} {hop.seconds:6.2f} s  {hop.detail}")
    if hop.fix and with_fix:
        report.line(f"    → {hop.fix}", "bold")
