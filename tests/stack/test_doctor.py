"""The doctor: its words to the letter, and each hop of a real stack broken in turn."""

import http.server
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import thrown_away
import trustme
from in_place_of import speak_tls
from otelgate_stack import access, ports, settings
from otelgate_stack.clients import AuditSink
from otelgate_stack.clients.audit_store import AuditStore
from otelgate_stack.doctor import doctor
from otelgate_stack.doctor.canary import Canary, RefusedError, send
from otelgate_stack.doctor.doors import Door
from otelgate_stack.doctor.hops import Hop
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings
from otelgate_stack.target import find
from waiting import until
from whole_stack import Stack, no_otel_variables, stack, start

pytestmark = pytest.mark.starts

__all__ = ["no_otel_variables", "stack"]

AUDIT = ("gateway → audit sink", "audit sink → PostgreSQL")
WELL = [
    ("gateway", "port", True),
    *(
        (signal, name, True)
        for signal, stores in (("traces", ("Tempo", "Jaeger")), ("logs", ("Loki",)), ("metrics", ("Prometheus",)))
        for name in (
            "application → gateway",
            "gateway received",
            *(hop for store in stores for hop in (f"gateway → {store}", f"{store} answers")),
            *(AUDIT if signal != "metrics" else ()),
        )
    ),
]


def examine(loaded: Settings, deadline_s: float = 60) -> list[Hop]:
    hops: list[Hop] = []
    doctor.examine(loaded, hops.append, deadline_s)
    return hops


def verdicts(hops: list[Hop]) -> list[tuple[str, str, bool | None]]:
    return [(hop.signal, hop.name, hop.ok) for hop in hops]


def lost(hops: list[Hop]) -> list[Hop]:
    return [hop for hop in hops if not hop.ok]


# --- words ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs the doctor on given hops; gives its exit status and what it printed."""

    def run(*hops: Hop, listening: Sequence[Door] = (), as_json: bool = False) -> tuple[int, str]:
        monkeypatch.setattr(doctor.hops, "disk_hops", lambda settings: [])
        monkeypatch.setattr(doctor.doors, "find", lambda settings: list(listening))
        monkeypatch.setattr(doctor, "examine", lambda settings, say, deadline_s: [say(hop) for hop in hops])
        output = io.StringIO()
        return doctor.run(settings.load({}), Report(output), as_json=as_json), output.getvalue()

    return run


GOOD = Hop("gateway", "port", True, 0.001, "open")
UNSEEN = Hop("traces", "gateway received", None, 0.02, "cannot be counted", "check a setting")
LOST = Hop("logs", "gateway → Loki", False, 12.345, "Loki is away", "start it")
LOST_TOO = Hop("metrics", "gateway → Prometheus", False, 1, "Prometheus is away", "start it")


def test_one_line_for_each_hop(seen: Callable[..., tuple[int, str]]) -> None:
    assert seen(GOOD) == (
        0,
        "✔ gateway port                       0.00 s  open\n\nall well: every canary is in its store\n",
    )
    assert seen(GOOD, UNSEEN, LOST, LOST_TOO) == (
        1,
        "✔ gateway port                       0.00 s  open\n"
        "? traces  gateway received           0.02 s  cannot be counted\n"
        "    → check a setting\n"
        "✘ logs    gateway → Loki            12.35 s  Loki is away\n"
        "    → start it\n"
        "✘ metrics gateway → Prometheus       1.00 s  Prometheus is away\n"
        "\nstopped at logs: gateway → Loki; metrics: gateway → Prometheus\n",
    )


def test_json_for_scripts(seen: Callable[..., tuple[int, str]]) -> None:
    status, text = seen(GOOD, LOST, as_json=True)
    assert status == 1
    found = json.loads(text)
    assert found["ok"] is False
    assert found["hops"][1] == {
        "signal": "logs",
        "name": "gateway → Loki",
        "ok": False,
        "seconds": 12.345,
        "detail": "Loki is away",
        "fix": "start it",
    }
    assert json.loads(seen(GOOD, as_json=True)[1])["ok"] is True


def test_open_ports_are_shown_by_their_requirement(seen: Callable[..., tuple[int, str]]) -> None:
    sink = Door("audit", "OTELGATE_AUDIT_PORT", "127.0.0.1:4320", "a token", True)
    loki = Door("loki", "OTELGATE_LOKI_PORT", "127.0.0.1:3100", "nothing", False)
    tempo = Door("tempo", "OTELGATE_TEMPO_PORT", "127.0.0.1:3200", "nothing", False)
    _, text = seen(GOOD, listening=[sink, loki, tempo])
    assert "\nopen ports:\n  require nothing: loki 127.0.0.1:3100, tempo 127.0.0.1:3200\n" in text
    assert "\n  require a token: audit 127" in text
    assert json.loads(seen(GOOD, listening=[loki], as_json=True)[1])["doors"] == [
        {
            "service": "loki",
            "setting": "OTELGATE_LOKI_PORT",
            "address": "127.0.0.1:3100",
            "wants": "nothing",
            "locked": False,
        }
    ]


# --- a real stack -----------------------------------------------------------------------------------------------


def test_nothing_is_up() -> None:
    loaded = settings.load(ports.free_env())
    (hop,) = examine(loaded)
    assert (hop.ok, hop.fix) == (False, "start it with `make up`")
    grpc, http_url = (f"http://127.0.0.1:{port}" for port in (loaded.grpc_port, loaded.http_port))
    assert hop.detail == f"the stack is not up: nothing listens at {grpc} (gRPC) and {http_url} (HTTP)"


def test_all_is_well(stack: Stack) -> None:
    hops = examine(stack.settings)
    assert verdicts(hops) == WELL, lost(hops)


@pytest.mark.parametrize(
    ("service", "signal", "waits"),
    [
        ("tempo", "traces", r"[1-9][\d,]* bytes wait in the gateway's queue on disk, and nothing is lost"),
        ("jaeger", "traces", r"[1-9][\d,]* bytes wait in the gateway's queue on disk, and nothing is lost"),
        ("loki", "logs", r"[1-9][\d,]* bytes wait in the gateway's queue on disk, and nothing is lost"),
        (
            "prometheus",
            "metrics",
            r"[1-9][\d,]* bytes wait in the gateway's memory; a restart of the gateway would lose them, "
            r"and the next ones carry the totals",
        ),
    ],
)
def test_a_stopped_store_is_named(stack: Stack, service: str, signal: str, waits: str) -> None:
    stack.engine.stop(service)
    try:
        hops = examine(stack.settings)
    finally:
        stack.engine.start(service)
    name = service.capitalize()
    (hop,) = lost(hops)
    assert (hop.signal, hop.name) == (signal, f"gateway → {name}")
    url = access.url(stack.settings, service)
    assert re.fullmatch(f"{name} does not answer at {url}; {waits}", hop.detail), hop.detail
    assert hop.fix == f"start {name} with `make up`; if it stops again, `make logs SERVICE={service}` says why"
    assert verdicts(examine(stack.settings)) == WELL


def test_a_stopped_audit_sink_is_named(stack: Stack) -> None:
    stack.engine.stop("audit")
    try:
        hops = examine(stack.settings)
    finally:
        stack.engine.start("audit")
    assert [(hop.signal, hop.name) for hop in lost(hops)] == [("traces", AUDIT[0]), ("logs", AUDIT[0])]
    url = f"http://127.0.0.1:{stack.settings.audit_health_port}"
    held = r"[1-9][\d,]* bytes wait in the gateway's queue on disk, and nothing is lost"
    assert re.fullmatch(f"audit sink does not answer at {url}; {held}", lost(hops)[0].detail)
    assert lost(hops)[0].fix == (
        "start audit sink with `make up`; if it stops again, `make logs SERVICE=audit` says why"
    )
    assert verdicts(examine(stack.settings)) == WELL


def test_a_stopped_database_is_named(stack: Stack) -> None:
    stack.engine.stop("postgres")
    try:
        # The sink looks at its database every two seconds.
        until(lambda: not AuditSink.of(stack.settings).ready())
        hops = examine(stack.settings)
    finally:
        stack.engine.start("postgres")
        stack.engine.start("audit")
    assert [(hop.signal, hop.name) for hop in lost(hops)] == [("traces", AUDIT[1]), ("logs", AUDIT[1])]
    assert re.fullmatch(
        r"audit sink takes nothing, since it can't commit \(database: .+\);"
        r" [1-9][\d,]* bytes wait in the gateway's queue on disk, and nothing is lost",
        lost(hops)[0].detail,
    )
    assert lost(hops)[0].fix == (
        "`make status` shows whether PostgreSQL runs, `make up` starts it; `make logs SERVICE=audit` says more"
    )
    assert verdicts(examine(stack.settings)) == WELL


def test_a_rejected_canary_is_told_with_the_reason(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"signal": "traces", "reason": "its time is before 2000"}
    monkeypatch.setattr(AuditStore, "rejects", lambda self, trace_id: [row])
    hops = examine(stack.settings, deadline_s=2)
    store = f"postgresql://127.0.0.1:{stack.settings.postgres_port}/otelgate"
    assert {(hop.name, hop.detail, hop.fix) for hop in lost(hops)} == {
        (
            AUDIT[1],
            "audit sink took it, and the row is not there:"
            f" {store}: the sink rejected a canary (traces): its time is before 2000",
            "see `make logs SERVICE=audit`",
        )
    }


def test_a_stopped_gateway_is_named(stack: Stack) -> None:
    stack.engine.stop("gateway")
    try:
        (hop,) = examine(stack.settings)
    finally:
        stack.engine.start("gateway")
    assert (hop.signal, hop.name, hop.ok) == ("gateway", "port", False)
    assert hop.detail.startswith("nothing listens at ")
    assert hop.fix == "start the gateway with `make up`; if it stops again, `make logs SERVICE=gateway` says why"


def test_without_the_gateways_metrics_the_stores_decide(stack: Stack) -> None:
    (free,) = {ports.free_env()["OTELGATE_METRICS_PORT"]}
    hops = examine(settings.load({**stack.env, "OTELGATE_METRICS_PORT": free}))
    assert {(hop.name, hop.ok) for hop in lost(hops)} == {("gateway received", None)}
    assert {hop.fix for hop in lost(hops)} == {"check OTELGATE_METRICS_PORT"}


def test_a_wrong_address_is_named(stack: Stack) -> None:
    """The doctor of a person whose Loki is another than the gateway's."""
    with refusing_store(404, stack.settings) as port:
        hops = examine(settings.load({**stack.env, "OTELGATE_LOKI_PORT": port}), deadline_s=2)
    (hop,) = lost(hops)
    assert (hop.signal, hop.name) == ("logs", "Loki answers")
    assert hop.detail.startswith("Loki took it, and is not ready to answer: ")


class refusing_store:
    """The port of a store that answers everything with one status."""

    def __init__(self, status: int, own: Settings) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        speak_tls(self._server, own)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return str(self._server.server_port)

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


# --- a gateway alone, with other settings -----------------------------------------------------------------------


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Starts a gateway that has no stores, with some settings."""
    started: list[Stack] = []

    def run(**changes: str) -> Stack:
        changes = {"OTELGATE_AUDIT": "false", **changes}
        started.append(start(str(tmp_path_factory.mktemp("s") / "state"), "gateway", **changes))
        return started[-1]

    yield run
    for each in started:
        thrown_away.end(each.settings)


def test_rejecting_store_is_named(gateway: Callable[..., Stack], tmp_path: Path) -> None:
    own = {f"OTELGATE_STORES_{name}_FILE": str(tmp_path / name) for name in ("CERT", "KEY")}
    for name, text in zip(own.values(), access.new_certificate(), strict=True):
        Path(name).write_text(text)
    with refusing_store(400, settings.load(own)) as port:
        loaded = gateway(OTELGATE_LOKI_PORT=port, **own).settings
        (hop,) = (hop for hop in lost(examine(loaded)) if hop.signal == "logs")
    assert (hop.name, hop.ok) == ("gateway → Loki", False)
    assert hop.detail == "Loki refused it for good, and the gateway rejected 2 log_records"
    assert hop.fix == "`make logs SERVICE=gateway` shows its answer, and rejects.jsonl in OTELGATE_DATA_DIR each item"


def _send_without_end(loaded: Settings) -> None:
    while True:
        send(find(loaded), "traces", "grpc", Canary())


def test_a_full_queue_is_named(gateway: Callable[..., Stack]) -> None:
    loaded = gateway(OTELGATE_QUEUE_BYTES="9000").settings  # the queue's own batches need 8192
    with pytest.raises(RefusedError, match="queue is full") as caught:
        _send_without_end(loaded)
    assert caught.value.kind == "full"
    refused = next(hop for hop in examine(loaded) if hop.signal == "traces")
    assert refused.detail == "grpc: UNAVAILABLE: sending queue is full; http: HTTP 503: queue is full"
    assert refused.fix == "a store is away for too long: start it with `make up`, or raise OTELGATE_QUEUE_BYTES"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """cert.pem and key.pem for localhost, signed by ca.pem; stranger.pem, another authority; token and other."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "other").write_text("another")
    return tmp_path


def test_tls_and_tokens(gateway: Callable[..., Stack], certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = gateway(
        OTELGATE_TLS_CERT_FILE=str(certificates / "cert.pem"),
        OTELGATE_TLS_KEY_FILE=str(certificates / "key.pem"),
        OTELGATE_TOKEN_FILE=str(certificates / "token"),
    )

    def asked(**changes: str) -> Hop:
        hops = examine(settings.load({**closed.env, **changes}))
        answers = [hop for hop in hops if hop.name == "application → gateway"]
        assert len({(hop.ok, hop.fix) for hop in answers}) == 1
        return answers[0]

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates / "ca.pem"))
    assert asked().detail == "OTLP accepted over gRPC and HTTP"

    other = str(certificates / "other")
    refused = asked(OTELGATE_TOKEN_FILE=other)
    assert "grpc: UNAUTHENTICATED: " in refused.detail
    assert "http: HTTP 401: " in refused.detail
    assert refused.fix == (
        f"the gateway started with another token than the one in OTELGATE_TOKEN_FILE='{other}':"
        " restart it with `make down && make up`"
    )
    assert asked(OTELGATE_TOKEN_FILE="").fix == (
        "set OTELGATE_TOKEN_FILE, here as for the gateway; in applications,"
        " OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer%20TOKEN'"
    )
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20another")
    assert asked().fix == "OTEL_EXPORTER_OTLP_HEADERS must hold authorization=Bearer%20TOKEN with the gateway's token"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken")
    assert asked(OTELGATE_TOKEN_FILE=other).ok

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates / "stranger.pem"))
    distrusted = asked()
    assert distrusted.detail.count("CERTIFICATE_VERIFY_FAILED") == 2
    assert distrusted.fix.startswith("set OTEL_EXPORTER_OTLP_CERTIFICATE to the certificate of the authority")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates / "missing.pem"))
    assert asked().detail.startswith(f"grpc: {certificates}/missing.pem: No such file or directory")

    monkeypatch.delenv("OTEL_EXPORTER_OTLP_CERTIFICATE")
    plain = asked(OTELGATE_TLS_CERT_FILE="", OTELGATE_TLS_KEY_FILE="")
    assert not plain.ok
    assert plain.fix == (
        "is something else on this port, or does the gateway want TLS?"
        " Then set OTELGATE_TLS_CERT_FILE, here as for the gateway"
    )
