"""Web pages in a real browser on the stack's own machine: nothing that they send has an effect, nothing can be read.

Local Network Access, by which browsers keep pages of the internet off loopback, is not in the way here: the pages are
from loopback, too.
"""

from __future__ import annotations

import base64
import http.server
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import browser as chromium
import httpx
import page_requests as page
import psycopg
import pytest
import thrown_away
import whole_stack
from browser import Browser
from otelgate_stack import access, clients, service_spec, settings, web
from otelgate_stack.build import debian
from otelgate_stack.doctor import doctor
from otelgate_stack.doctor.hops import Hop
from otelgate_stack.engines import services
from otelgate_stack.engines.service import Service
from otelgate_stack.report import Report
from page_requests import MARK, TRACE_ID, Sent
from waiting import until
from whole_stack import Stack, no_otel_variables

pytestmark = [pytest.mark.starts, chromium.needed]

__all__ = ["no_otel_variables"]

REBOUND = "evil.example"
"""A name of a foreign site that leads to this machine."""
SCRIPT = (Path(__file__).parent / "web_page.js").read_text()


class Listener:
    """A port on which nothing may arrive."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True)
class Attacked:
    """A whole stack, its operator's browser, and the port of a foreign site's pages."""

    stack: Stack
    browser: Browser
    site: int
    listener: Listener

    @property
    def settings(self) -> settings.Settings:
        return self.stack.settings

    def service(self, port: str) -> Service:
        """That has this port."""
        setting = settings.PREFIX + port.upper()
        return next(each for each in services.services(self.settings) if setting in each.ports)

    def url(self, port: str, path: str = "", host: str = "127.0.0.1") -> str:
        """In the scheme of the port's service."""
        scheme = "https" if self.service(port).url.startswith("https:") else "http"
        return f"{scheme}://{host}:{getattr(self.settings, port)}{path}"


class _Blank(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a page</title><body></body>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _serving(kind: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    for name in debian.EXPORTERS.values():
        debian.fetch(name, settings.load(), Report())
    folder = tmp_path_factory.mktemp("p")
    stack = whole_stack.start(str(folder / "state"), OTELGATE_EXPORTERS="true", OTELGATE_TRACES_TO="both")
    listener = Listener()
    # That certificates are not of a public authority is not what should keep pages out.
    switches = (f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1", "--ignore-certificate-errors")
    try:
        with _serving(_Blank) as site, chromium.browsing(folder / "profile", *switches, kind=Browser) as browser:
            attacked = Attacked(stack, browser, site, listener)
            _log_in(attacked)
            yield attacked
    finally:
        listener.close()
        thrown_away.end(stack.settings)


def _log_in(attacked: Attacked) -> None:
    """As the operator has, in the same browser, wherever a password lets in."""
    password = Path(access.of(attacked.settings).password).read_text().strip()
    for each in page.rebound():
        if access.WANTS.get(attacked.service(each.port).name) == service_spec.PASSWORD:
            url = attacked.url(each.port, each.path, host=f"{access.USER}:{password}@127.0.0.1")
            attacked.browser.open(url)
            assert _answers(attacked.browser)[url] == httpx.codes.OK, each.port


# Effects of the requests, as the operator sees them.


def _series(attacked: Attacked) -> object:
    return [dict(each.labels) for each in clients.Prometheus.of(attacked.settings).query(f'{{__name__=~"{MARK}.*"}}')]


def _lines(attacked: Attacked) -> object:
    return [each.line for each in clients.Loki.of(attacked.settings).query_range(f'{{service_name="{MARK}"}}')]


def _traces(attacked: Attacked) -> object:
    password = attacked.settings.database_password
    assert password is not None
    url = psycopg.conninfo.make_conninfo(attacked.settings.database, password=password.read_text().strip())
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT count(*) FROM audit.runs WHERE trace_id = %s", [TRACE_ID]).fetchone()
    found = [store.of(attacked.settings).trace(TRACE_ID) for store in (clients.Tempo, clients.Jaeger)]
    return rows, [span.name for spans in found for span in spans]


def _operator(attacked: Attacked, service: str, path: str) -> httpx.Response:
    return _as_operator(attacked, Sent(f"{service}_port", "GET", path, page.READ)).raise_for_status()


def _as_operator(attacked: Attacked, sent: Sent) -> httpx.Response:
    known = access.options(attacked.settings, attacked.service(sent.port).name)
    with web.client(timeout=60, **known) as client:
        url = attacked.url(sent.port, sent.path)
        return client.request(sent.method, url, content=sent.body, headers={"Content-Type": sent.type})


def _silences(attacked: Attacked) -> object:
    return [each["comment"] for each in _operator(attacked, "alertmanager", "/api/v2/silences").json()]


def _alerts(attacked: Attacked) -> object:
    alerts = _operator(attacked, "alertmanager", "/api/v2/alerts").json()
    return [each["labels"] for each in alerts if each["labels"]["alertname"] == MARK]


def _level(attacked: Attacked) -> object:
    return _operator(attacked, "loki", "/log_level").text


def _processes(attacked: Attacked) -> object:
    return {each.name: (each.pid_or_container, each.ready) for each in attacked.stack.engine.status()}


LOOKS: dict[str, Callable[[Attacked], object]] = {
    page.SERIES: _series,
    page.LINE: _lines,
    page.TRACE: _traces,
    page.SILENCE: _silences,
    page.ALERT: _alerts,
    page.LEVEL: _level,
    page.STOPPED: _processes,
    page.ASKED: lambda attacked: attacked.listener.connections,
}


def _seen(attacked: Attacked) -> dict[str, object]:
    return {effect: look(attacked) for effect, look in LOOKS.items()}


def _shown(sent: Sent) -> str:
    return f"{sent.port} {sent.method} {sent.path.partition('?')[0]} ({sent.way}, {sent.type or 'no type'})"


def _answers(browser: Browser) -> dict[str, int]:
    """The status of each answer that the browser got, by URL, including answers that the page cannot read."""
    found, asked = {}, {}
    for event in browser.network():
        params = event["params"]
        if event["method"] == "Network.webSocketCreated":
            asked[params["requestId"]] = params["url"].replace("ws", "http", 1)
        elif event["method"] == "Network.webSocketHandshakeResponseReceived":
            found[asked[params["requestId"]]] = params["response"]["status"]
        elif event["method"] == "Network.responseReceived":
            found[params["response"]["url"]] = params["response"]["status"]
    return found


def _for_the_page(url: str, sent: Sent) -> dict[str, str]:
    body = base64.b64encode(sent.body).decode()
    return {"url": url, "method": sent.method, "way": sent.way, "type": sent.type, "body": body}


def _send(attacked: Attacked, origin: str, sent: Sequence[Sent], to: str = "") -> list[str]:
    """Send them as a page of that origin does, to their services or to one address; those that were read, or taken."""
    browser = attacked.browser
    browser.open(f"{origin}/")
    browser.network()
    urls = [
        f"{to or attacked.url(each.port)}{each.path}{'&' if '?' in each.path else '?'}n={number}"
        for number, each in enumerate(sent)
    ]
    given = [_for_the_page(url, each) for url, each in zip(urls, sent, strict=True)]
    read, answered = browser.run(SCRIPT, given), _answers(browser)
    return [
        f"{_shown(each)}: {answered.get(url)} {text[:60]!r}"
        for each, url, text in zip(sent, urls, read, strict=True)
        if text or (each.effect != page.READ and 200 <= answered.get(url, 0) < 300)
    ]


def _examine(attacked: Attacked) -> list[Hop]:
    """The hops where a canary is lost. All that was sent before it is in the stores then, too."""
    hops: list[Hop] = []
    doctor.examine(attacked.settings, hops.append, 60)
    return [hop for hop in hops if hop.ok is False]


def test_page_reaches_an_open_service(attacked: Attacked) -> None:
    """An open service gets all of it, and the page reads its answers; else the next tests would show nothing."""
    arrived: dict[str, tuple[str, str, bytes]] = {}

    class Open(_Blank):
        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            arrived[self.path.rpartition("=")[2]] = (self.command, self.headers.get("Content-Type", ""), body)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: all\n\n")

        def do_OPTIONS(self) -> None:
            self.send_response(204)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "content-type")
            self.end_headers()

    sent, had = page.requests(attacked.listener.port), list[str]()
    with _serving(Open) as port:

        def all_arrive() -> bool:
            had.extend(_send(attacked, f"http://{REBOUND}:{attacked.site}", sent, f"http://127.0.0.1:{port}"))
            # A beacon is still on its way when the page has sent it.
            return until(lambda: len(arrived) == len(sent), deadline_s=20)

        # On a busy machine Chromium gives up on some.
        assert until(all_arrive, deadline_s=120), [_shown(each) for n, each in enumerate(sent) if str(n) not in arrived]
    for number, each in enumerate(sent):
        method, kind, body = arrived[str(number)]
        assert (method, kind) == (each.method, each.type), _shown(each)
        assert body.rstrip(b"=\r\n") == each.body, _shown(each)
    assert {line.partition(":")[0] for line in had} >= {_shown(each) for each in sent if each.way in ("cors", "blind")}


@pytest.mark.parametrize("host", [REBOUND, "localhost"])
def test_requests_of_a_page_have_no_effect(
    attacked: Attacked, host: str, record_property: Callable[[str, object], None]
) -> None:
    sent = page.requests(attacked.listener.port)
    before = _seen(attacked)
    origin = f"http://{host}:{attacked.site}"
    # Requests that stop a service come last, since no other could have an effect on it then.
    had = _send(attacked, origin, [each for each in sent if each.effect != page.STOPPED])
    had += _send(attacked, origin, [each for each in sent if each.effect == page.STOPPED])
    assert had == []
    assert _examine(attacked) == []
    assert _seen(attacked) == before
    record_property("measured", f"0 of {len(sent)} requests of a page of {host} had an effect")


# Another name for this machine: a page of that name has the same origin as what listens there.


def test_the_tables_know_every_port() -> None:
    loaded = settings.load({"OTELGATE_TRACES_TO": "both"})
    listed = {port for each in services.services(loaded) for port in each.ports}
    known = [*(each.port for each in page.rebound()), *page.NOT_HTTP, "grafana_port"]
    assert {settings.PREFIX + port.upper() for port in known} == listed
    assert len(known) == len(listed)


_FETCH = """
const [origin, method, path, type, body, done] = arguments;
const init = {method, credentials: "omit", ...(body && {body: new Blob([body], {type})})};
const answered = async () => {
  const answer = await fetch(path, init);
  return answer.ok ? await answer.text() : "";
};
location.origin === origin ? answered().then(done, () => done("")) : done("");
"""


def _read_by_another_name(attacked: Attacked, sent: Sent) -> str:
    """The answers that a page can read if the browser takes it for the service's own origin."""
    browser = attacked.browser
    url = attacked.url(sent.port, sent.path, host=REBOUND)
    browser.network()
    try:
        browser.open(url)
    except httpx.HTTPStatusError:
        return ""  # there is no such page: the connection failed
    status = _answers(browser).get(url, 0)
    if 200 <= status < 300:
        return f"{status} {url}"
    origin = url.removesuffix(sent.path)
    return str(browser.run(_FETCH, origin, sent.method, sent.path, sent.type, sent.body.decode()))


def test_service_rejects_rebound_host_names(attacked: Attacked, record_property: Callable[[str, object], None]) -> None:
    tables = page.rebound()
    for each in tables:
        assert _as_operator(attacked, each).is_success, _shown(each)
    others = [Sent(port, "GET", "/", page.READ) for port in page.NOT_HTTP]
    read = {_shown(each): text for each in [*tables, *others] if (text := _read_by_another_name(attacked, each))}
    assert read == {}
    record_property("measured", f"0 of {len(tables)} HTTP services can be read by another host name")


# A process of another account on this machine sends any header, and has no secret.


def test_a_process_without_the_secrets_reads_and_changes_nothing(
    attacked: Attacked, record_property: Callable[[str, object], None]
) -> None:
    of_browsers = ("events", "socket")
    closed = [
        each
        for each in [*page.rebound(), *page.requests(attacked.listener.port)]
        if attacked.service(each.port).name in access.WANTS and each.way not in of_browsers
    ]
    before = _seen(attacked)
    taken = [_shown(each) for each in closed if _is_taken(attacked, each)]
    assert taken == []
    assert _examine(attacked) == []
    assert _seen(attacked) == before
    record_property("measured", f"0 of {len(closed)} requests without a password or certificate had an effect")


def _is_taken(attacked: Attacked, sent: Sent) -> bool:
    try:
        with web.client(verify=False, timeout=60) as client:
            url, headers = attacked.url(sent.port, sent.path), {"Content-Type": sent.type}
            return client.request(sent.method, url, content=sent.body, headers=headers).is_success
    except httpx.TransportError:
        return False
