"""An OTLP receiver, gRPC and HTTP, that keeps what it gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

WAIT_S = 180.0

_PATHS: dict[str, tuple[Any, Any]] = {
    "/v1/traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
    "/v1/metrics": (metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse),
    "/v1/logs": (logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse),
}


def value(any_value: AnyValue) -> Any:
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind else None


def attributes(pairs: Iterator[KeyValue] | Any) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in pairs}


class Item:
    """A span, log record or metric data point, with its resource."""

    def __init__(self, resource: Any, scope: str, raw: Any, name: str = "") -> None:
        self.resource = attributes(resource.attributes)
        self.scope = scope
        self.raw = raw
        self.name = name or getattr(raw, "name", "")
        self.attributes = attributes(raw.attributes)


class Receiver:
    """Listens on its own port; `stop` and `start` simulate a gateway that becomes unavailable and returns."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.metadata: list[dict[str, str]] = []
        self.status: grpc.StatusCode | None = None
        self.refused = 0
        self.refused_spans = 0
        self.rejects = False
        """Whether an answer says that one item of each request was refused."""
        self._changed = threading.Condition()
        self._server: grpc.Server | None = None
        self.port = 0
        self.http: ThreadingHTTPServer | None = None

    def start(self, credentials: grpc.ServerCredentials | None = None) -> Receiver:
        server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        for path, service, add in (
            (
                "/v1/traces",
                trace_service_pb2_grpc.TraceServiceServicer,
                trace_service_pb2_grpc.add_TraceServiceServicer_to_server,
            ),
            (
                "/v1/metrics",
                metrics_service_pb2_grpc.MetricsServiceServicer,
                metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server,
            ),
            (
                "/v1/logs",
                logs_service_pb2_grpc.LogsServiceServicer,
                logs_service_pb2_grpc.add_LogsServiceServicer_to_server,
            ),
        ):
            add(self._servicer(service, path), server)
        address = f"127.0.0.1:{self.port}"
        self.port = (
            server.add_secure_port(address.replace("127.0.0.1", "localhost"), credentials)
            if credentials
            else server.add_insecure_port(address)
        )
        server.start()
        self._server = server
        return self

    def _servicer(self, base: type, path: str) -> Any:
        receiver = self

        class Servicer(base):  # type: ignore[misc]
            def Export(self, request: Message, context: grpc.ServicerContext) -> Message:
                if receiver.status is not None:
                    receiver.refused += 1
                    with receiver._changed:
                        spans = getattr(request, "resource_spans", ())
                        receiver.refused_spans += sum(len(scope.spans) for each in spans for scope in each.scope_spans)
                        receiver._changed.notify_all()
                    context.abort(receiver.status, "as the test wants it")
                receiver._keep(request, dict(context.invocation_metadata()))
                return receiver._answer(path)

        return Servicer()

    def start_http(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request, _ = _PATHS[self.path]
                receiver._keep(request.FromString(body), {k.lower(): v for k, v in self.headers.items()})
                answer = receiver._answer(self.path).SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.http = None

    def _answer(self, path: str) -> Message:
        """An answer of success; with `rejects`, OTLP's partial success."""
        answer: Message = _PATHS[path][1]()
        if self.rejects:
            said = answer.partial_success  # type: ignore[attr-defined]
            (count,) = (name for name in said.DESCRIPTOR.fields_by_name if name.startswith("rejected_"))
            setattr(said, count, 1)
            said.error_message = f"as the test wants it of {path}"
        return answer

    def _keep(self, request: Message, metadata: dict[str, str]) -> None:
        with self._changed:
            self.requests.append(request)
            self.metadata.append(metadata)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], Any], what: str = "the condition") -> Any:
        """Wait until `condition()` is true and return its value."""
        deadline = time.monotonic() + WAIT_S
        with self._changed:
            while not (result := condition()):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    seen = [span.name for span in self.spans()]
                    raise AssertionError(f"waited {WAIT_S:.0f} s for {what}; {len(self.requests)} requests; {seen}")
            return result

    def _of(self, kind: type) -> list[Any]:
        return [request for request in list(self.requests) if isinstance(request, kind)]

    def spans(self, name: str | None = None) -> list[Item]:
        return [
            Item(resource.resource, scope.scope.name, span)
            for request in self._of(trace_service_pb2.ExportTraceServiceRequest)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if name is None or span.name == name
        ]

    def logs(self, body: str | None = None) -> list[Item]:
        return [
            Item(resource.resource, scope.scope.name, record, str(value(record.body)))
            for request in self._of(logs_service_pb2.ExportLogsServiceRequest)
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
            if body is None or value(record.body) == body
        ]

    def points(self, name: str) -> list[Item]:
        return [
            Item(resource.resource, scope.scope.name, point, metric.name)
            for request in self._of(metrics_service_pb2.ExportMetricsServiceRequest)
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        ]

    def total(self, counter: str) -> int:
        """A cumulative counter's total over all processes."""
        return sum({each.resource["service.instance.id"]: each.raw.as_int for each in self.points(counter)}.values())

    def everything(self) -> str:
        """All that was received, as text to search in."""
        return "\n".join(str(request) for request in self.requests)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A conftest.py takes it from here. tests/conftest.py can't have it: `make test-versions` runs without that."""
    receiver = Receiver().start()
    yield receiver
    receiver.stop()
