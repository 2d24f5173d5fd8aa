"""The doctor's canaries: one span, one log record and one metric point by each protocol, sent as an application would.

Over gRPC the span is an agent's run and the log record a vote on it; over HTTP they are the run's tool call and a
product event. So each of them is a row in the audit store, too.

Written with the protocol's own messages and not with the SDK: what matters here is the gateway's answer, word for word,
which the SDK's exporters only log.
"""

import os
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from otelgate.names import (
    EVENT_FEEDBACK,
    GEN_AI_AGENT_NAME,
    GEN_AI_OPERATION_NAME,
    GEN_AI_TOOL_NAME,
    LOG_RECORD_UID,
    OTELGATE_EVENT_NAME,
    OTELGATE_FEEDBACK_RATING,
    USER_ID,
)

# Failed handshakes are answers here, and gRPC's core writes each to the terminal unless told before it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import httpx
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2 as logs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as trace

from ..target import Target

SERVICE = "otelgate-doctor"
METRIC = "otelgate.doctor.canary"
"""A gauge in seconds, `otelgate_doctor_canary_seconds` in Prometheus: the Unix time at which the canary was made. Its
series are the same at every visit of the doctor."""

AGENT, TOOL, EVENT = "canary", "canary_song", "canary"
USER = "otelgate-doctor"

PROTOCOLS = ("grpc", "http")
SPANS = {"grpc": f"invoke_agent {AGENT}", "http": f"execute_tool {TOOL}"}
SIGNALS = ("traces", "logs", "metrics")

Request = (
    trace_service.ExportTraceServiceRequest
    | logs_service.ExportLogsServiceRequest
    | metrics_service.ExportMetricsServiceRequest
)
Response = (
    trace_service.ExportTraceServiceResponse
    | logs_service.ExportLogsServiceResponse
    | metrics_service.ExportMetricsServiceResponse
)
_SERVICES: dict[str, tuple[str, type[Response]]] = {
    "traces": ("trace.v1.TraceService", trace_service.ExportTraceServiceResponse),
    "logs": ("logs.v1.LogsService", logs_service.ExportLogsServiceResponse),
    "metrics": ("metrics.v1.MetricsService", metrics_service.ExportMetricsServiceResponse),
}


class RefusedError(Exception):
    """A canary was not taken, with the answer. `kind`: closed, tls, client, token, full, disk, memory or other."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Canary:
    """One visit's canary. Both protocols share the trace; `made_s` (Unix seconds) is the metric's value."""

    trace_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    made_s: int = field(default_factory=lambda: int(time.time()))

    def request(self, signal: str, protocol: str) -> Request:
        """The OTLP request with the canary of a signal (`SIGNALS`) for a protocol (`PROTOCOLS`)."""
        # The instance distinguishes the protocols: Prometheus always keeps it as a label.
        resource = Resource(
            attributes=[_text("service.name", SERVICE), _text("service.instance.id", f"doctor-{protocol}")]
        )
        now, name = time.time_ns(), f"canary by {protocol}"
        if signal == "traces":
            spans = trace.ScopeSpans(spans=[self._span(protocol, now)])
            return trace_service.ExportTraceServiceRequest(
                resource_spans=[trace.ResourceSpans(resource=resource, scope_spans=[spans])]
            )
        if signal == "logs":
            records = logs.ScopeLogs(log_records=[self._record(protocol, name, now)])
            return logs_service.ExportLogsServiceRequest(
                resource_logs=[logs.ResourceLogs(resource=resource, scope_logs=[records])]
            )
        point = metrics.NumberDataPoint(time_unix_nano=now, as_int=self.made_s)
        gauge = metrics.Metric(name=METRIC, unit="s", gauge=metrics.Gauge(data_points=[point]))
        points = metrics.ResourceMetrics(resource=resource, scope_metrics=[metrics.ScopeMetrics(metrics=[gauge])])
        return metrics_service.ExportMetricsServiceRequest(resource_metrics=[points])

    def _span(self, protocol: str, now_ns: int) -> trace.Span:
        run = protocol == "grpc"
        told = {
            GEN_AI_OPERATION_NAME: "invoke_agent" if run else "execute_tool",
            GEN_AI_AGENT_NAME if run else GEN_AI_TOOL_NAME: AGENT if run else TOOL,
            USER_ID: USER,
        }
        return trace.Span(
            trace_id=bytes.fromhex(self.trace_id),
            span_id=bytes.fromhex(self.run_id) if run else uuid.uuid4().bytes[:8],
            parent_span_id=b"" if run else bytes.fromhex(self.run_id),
            name=SPANS[protocol],
            kind=trace.Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=now_ns - 1_000_000,
            end_time_unix_nano=now_ns,
            attributes=[_text(key, value) for key, value in told.items()],
        )

    def _record(self, protocol: str, name: str, now_ns: int) -> logs.LogRecord:
        vote = protocol == "grpc"
        told = {OTELGATE_FEEDBACK_RATING: "positive"} if vote else {OTELGATE_EVENT_NAME: EVENT}
        told |= {LOG_RECORD_UID: str(uuid.uuid4()), USER_ID: USER}
        return logs.LogRecord(
            time_unix_nano=now_ns,
            observed_time_unix_nano=now_ns,
            severity_number=logs.SEVERITY_NUMBER_INFO,
            severity_text="INFO",
            event_name=EVENT_FEEDBACK if vote else EVENT,
            body=AnyValue(string_value=name),
            trace_id=bytes.fromhex(self.trace_id),
            span_id=bytes.fromhex(self.run_id),
            attributes=[_text(key, value) for key, value in told.items()],
        )


def send(target: Target, signal: str, protocol: str, canary: Canary, timeout_s: float = 10.0) -> None:
    """Send one canary. Raises RefusedError unless the gateway accepts it whole."""
    request, context = canary.request(signal, protocol), _tls(target)
    if protocol == "grpc":
        answer = _send_grpc(target, signal, request, timeout_s)
    else:
        answer = _send_http(target, signal, request, timeout_s, context)
    response = _SERVICES[signal][1].FromString(answer)
    if problem := response.partial_success.error_message:
        raise RefusedError("other", f"rejected in part: {problem}")


def _tls(target: Target) -> ssl.SSLContext | None:
    """The TLS context for HTTP. gRPC reads the same files, and would not say which of them is bad."""
    if not target.tls:
        return None
    with _named("tls", *[target.ca_file] if target.ca_file else []):
        context = ssl.create_default_context(cafile=target.ca_file)
    if target.client:
        with _named("client", *target.client):
            context.load_cert_chain(*target.client)
    return context


@contextmanager
def _named(kind: str, *files: Path) -> Iterator[None]:
    """Raises RefusedError: it names the file that can't be read, else all that don't fit."""
    try:
        for file in files:
            file.open("rb").close()
        yield
    except OSError as error:
        named = error.filename or " and ".join(map(str, files))
        raise RefusedError(kind, f"{named}: {error.strerror or error}") from error


def _send_grpc(target: Target, signal: str, request: Request, timeout_s: float) -> bytes:
    address = target.grpc.partition("://")[2]
    if target.tls:
        trusted = target.ca_file.read_bytes() if target.ca_file else None
        certificate, key = (file.read_bytes() for file in target.client) if target.client else (None, None)
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted, key, certificate))
    else:
        channel = grpc.insecure_channel(address)
    with channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/opentelemetry.proto.collector.{_SERVICES[signal][0]}/Export"
        )
        try:
            answer: bytes = export(
                request.SerializeToString(), timeout=timeout_s, metadata=tuple(target.headers.items())
            )
        except grpc.RpcError as error:
            code, text = error.code().name, str(error.details())
            raise RefusedError(_kind(code, text, target.tls), f"{code}: {text}") from error
    return answer


def _send_http(
    target: Target, signal: str, request: Request, timeout_s: float, context: ssl.SSLContext | None
) -> bytes:
    headers = {**target.headers, "content-type": "application/x-protobuf"}
    try:
        response = httpx.post(
            f"{target.http}/v1/{signal}",
            content=request.SerializeToString(),
            headers=headers,
            timeout=timeout_s,
            verify=context or False,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        text = str(error) or type(error).__name__
        raise RefusedError(_kind("UNAVAILABLE", text, target.tls), text) from error
    if response.is_success:
        return response.content
    text = " ".join(char for char in response.text.split() if char.isprintable())[:300]
    raise RefusedError(_kind(str(response.status_code), text, target.tls), f"HTTP {response.status_code}: {text}")


def _kind(code: str, text: str, tls: bool) -> str:
    """The meaning of a refusal, from its gRPC code or HTTP status and its text."""
    words = text.lower()
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED", "401", "403"):
        return "token"
    if "otelgate_queue_reserve_bytes" in words:
        return "disk"
    if any(said in words for said in ("memory usage", "memory limit", "otelgate_memory_limit_mib")):
        return "memory"
    if "queue is full" in words:
        return "full"
    if any(word in words for word in ("ssl", "tls", "certificate", "http request to an https server")):
        return "tls"
    # A TLS port hangs up on plain text, a plain port on TLS.
    if any(word in words for word in ("socket closed", "disconnected", "wrong_version", "connection reset")):
        return "tls"
    return "closed" if "refused" in words or (code == "UNAVAILABLE" and "connect" in words) else "other"


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
