"""A request that is too large is halved until what is left fits, however the receiver says so."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from otelgate import _drops, _export, _health

LIMIT = 4000
"""Bytes of a request."""
EXHAUSTED = "error code: StatusCode.RESOURCE_EXHAUSTED, error details: "


class Kept:
    """A receiver of spans with a limit."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def keep(self, request: trace_service_pb2.ExportTraceServiceRequest) -> None:
        self.names += [span.name for r in request.resource_spans for s in r.scope_spans for span in s.spans]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def exporter(request: pytest.FixtureRequest, kept: Kept) -> Iterator[GrpcExporter | HttpExporter]:
    yield from _grpc(kept) if request.param == "grpc" else _http(kept, request.param)


def _grpc(kept: Kept) -> Iterator[GrpcExporter]:
    class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext) -> object:
            kept.keep(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", LIMIT)])
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield GrpcExporter(endpoint=f"http://127.0.0.1:{port}", timeout=30)
    server.stop(0)


def _http(kept: Kept, answer: str) -> Iterator[HttpExporter]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if length > LIMIT and answer == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.connection.close()
                return
            if length > LIMIT:
                self.send_response(int(answer), "request body too large")
            else:
                kept.keep(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    exporter = HttpExporter(endpoint=f"http://127.0.0.1:{server.server_address[1]}/v1/traces", timeout=30)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("random.uniform", lambda low, high: 0.0)  # the exporter's wait before it tries again
        yield exporter
    server.shutdown()
    server.server_close()


def spans(*sizes: int) -> list[ReadableSpan]:
    tracer = TracerProvider().get_tracer("test")
    made = []
    for number, size in enumerate(sizes):
        span = tracer.start_span(str(number), attributes={"text": "x" * size})
        span.end()
        made.append(span)
    return made  # type: ignore[return-value]


@pytest.fixture
def health() -> Iterator[_health.Health]:
    """With upstream's loggers quiet, as in an application."""
    health, reasons = _health.Health(), _health.ReasonFilter()
    health.reasons = reasons  # type: ignore[attr-defined]
    loggers = [logging.getLogger(name) for name in (*_health._EXPORT_LOGGERS, _health._QUEUE_LOGGER)]
    before = [list(logger.filters) for logger in loggers]
    _health.install(health, reasons)
    yield health
    for logger, filters in zip(loggers, before, strict=True):
        logger.filters[:] = filters


def link(exporter: object, health: _health.Health) -> _export.Link:
    return _export.Link("traces", exporter, lambda: exporter, health, health.reasons, hold=True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("exporter", ["grpc", "413", "400", "reset"], indirect=True)
def test_a_batch_over_the_limit_arrives_but_for_what_never_fits(
    exporter: object,
    kept: Kept,
    health: _health.Health,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_export, "_RETRY_S", (0.0,))
    with caplog.at_level(logging.WARNING, "otelgate"):
        assert not link(exporter, health).send(spans(1000, 1000, 9000, 1000, 1000))
        health.drops.tell(at_end=True)
    assert sorted(kept.names) == ["0", "1", "3", "4"]
    (line,) = [text for record in caplog.records if (text := record.getMessage()).startswith("dropped")]
    assert line.startswith("dropped 1 span")
    assert ": too large for 127.0.0.1:" in line


@pytest.mark.parametrize(
    ("text", "too_large", "final"),
    [
        (f"{EXHAUSTED}grpc: received message larger than max (9 vs. 4)", True, False),
        (f"{EXHAUSTED}quota of tenant shop exceeded", False, False),
        ("Failed to export span batch code: 413, reason: Request Entity Too Large", True, True),
        ("Failed to export span batch code: 400, reason: http: request body too large", True, True),
        ("Failed to export span batch code: 400, reason: Bad Request", False, True),
        ("Failed to export span batch code: None, reason: h:4318: Read timed out. (read timeout=2)", False, False),
        ("Dropping span batch: serialized size 9 bytes exceeds max_request_size 4 bytes.", True, False),
    ],
)
def test_a_reason_says_whether_size_was_the_matter(text: str, too_large: bool, final: bool) -> None:
    reasons = _health.ReasonFilter()
    assert not reasons.filter(logging.LogRecord("upstream", logging.ERROR, "", 0, text, None, None))
    failure = reasons.take()
    assert (failure.too_large, failure.final) == (too_large, final)


def test_export_timeout_is_recognized() -> None:
    """As OpenTelemetry says it before 1.45 over HTTP, in later versions, and over gRPC."""
    for text in (
        "Failed to export span batch code: None, reason: h:4318: Read timed out. (read timeout=2)",
        "Transient error ReadTimeout encountered while exporting span batch, retrying in 1s.",
        "Failed to export traces to h:4317, error code: StatusCode.DEADLINE_EXCEEDED",
    ):
        reasons = _health.ReasonFilter()
        reasons.filter(logging.LogRecord("upstream", logging.ERROR, "", 0, text, None, None))
        failure = reasons.take()
        assert failure.is_late, failure
        assert not failure.final
        assert "batch code" not in failure.reason


def test_a_full_queue_says_how_many_it_dropped(health: _health.Health, caplog: pytest.LogCaptureFixture) -> None:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

    class Blocked(SpanExporter):
        def export(self, spans: Sequence[object]) -> object:  # type: ignore[override]
            exported.extend(spans)
            return go_on.wait(60)

    exported: list[object] = []
    go_on = threading.Event()
    processor = BatchSpanProcessor(
        Blocked(), max_queue_size=10, max_export_batch_size=10, schedule_delay_millis=600_000
    )
    for span in spans(*[1] * 40):
        processor.on_end(span)
    go_on.set()
    processor.shutdown()
    counts = [observation.value for observation in health.drops.observe(None)]  # type: ignore[arg-type]
    assert counts == [40 - len(exported)]
    assert len(exported) <= 20, "a full queue, and a batch that had left it"
    with caplog.at_level(logging.WARNING, "otelgate"):
        health.drops.tell()
        health.drops.add("traces", 5, _drops.QUEUE_FULL)
        health.drops.tell()  # not again within a minute
        health.drops.tell(at_end=True)
    first, last = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert (first, last) == (f"dropped {counts[0]} spans so far", f"dropped {counts[0] + 5} spans")
