"""Requests that a page can send to a stack on its visitor's loopback: `requests` is the table of test_web_pages.py."""

import json
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

import pyarrow
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from otelgate_stack.service_table import SPECS, STORES, TABLE
from protobuf_field import field

MARK: Final = "evil"
"""The service, job or user that all of it is from: what a store must not know afterwards."""
TRACE_ID: Final = "e" * 32

_SERVICE: Final = KeyValue(key="service.name", value=AnyValue(string_value=MARK))

_ALL_LINES: Final = quote('{service_name=~".+"}')

FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = "text/plain"
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"

READ: Final = "the page reads it"
TAKEN: Final = "it is answered with 2xx"
SERIES: Final = "a series is stored"
LINE: Final = "a line is stored"
TRACE: Final = "a trace is stored"
SILENCE: Final = "alerts are silenced"
ALERT: Final = "an alert is raised"
LEVEL: Final = "the level of the log is another"
STOPPED: Final = "the service stopped"
ASKED: Final = "the service asked an address that the page chose"


@dataclass(frozen=True)
class Sent:
    """One request. `effect`: what it would lead to. `way`: a function of web_page.js.

    `port`: the field of its setting. `type`: the content type; a body without one has no such header."""

    port: str
    method: str
    path: str
    effect: str
    way: str = "cors"
    type: str = ""
    body: bytes = b""


def requests(listener: int) -> list[Sent]:
    """All of them. `listener`: a port on which nothing may arrive."""
    return [
        *(*_prometheus(), *_loki(), *_traces(), *_alertmanager(), *_gateway(), *_audit()),
        *_exporters(f"127.0.0.1:{listener}"),
    ]


def _prometheus() -> Iterator[Sent]:
    get, post = _to("prometheus_port")
    yield get("/api/v1/query?query=up", READ)
    yield get("/api/v1/status/config", READ)
    yield get("/api/v1/notifications/live", READ, "events")
    yield get("/metrics", READ, "script")
    write = post("/api/v1/write", SERIES, body=_remote_write())
    yield from (
        write,
        replace(write, type=TEXT),
        replace(write, way="beacon"),
        replace(write, way="cors", type=PROTOBUF),
    )
    otlp = post("/api/v1/otlp/v1/metrics", SERIES, body=_metrics())
    yield from (otlp, replace(otlp, type=TEXT), replace(otlp, way="cors", type=PROTOBUF))
    yield post("/api/v1/admin/tsdb/delete_series?match[]=up", TAKEN)
    yield post("/api/v1/admin/tsdb/snapshot", TAKEN, "form", FORM)
    yield post("/-/reload", TAKEN)
    yield post("/-/quit", STOPPED)


def _loki() -> Iterator[Sent]:
    get, post = _to("loki_port")
    yield get("/loki/api/v1/labels", READ)
    yield get("/config", READ)
    yield get("/metrics", READ, "preload")
    yield get(f"/loki/api/v1/tail?query={_ALL_LINES}", READ, "socket")
    values = [[str(time.time_ns()), "pushed by a page"]]
    text = json.dumps({"streams": [{"stream": {"service_name": MARK}, "values": values}]}).encode()
    push = post("/loki/api/v1/push", LINE, body=_loki_push())
    yield from (push, replace(push, type=TEXT), replace(push, way="beacon"), replace(push, way="cors", type=PROTOBUF))
    yield from (replace(push, type=TEXT, body=text), replace(push, way="form", type=TEXT, body=text))
    yield replace(push, path="/otlp/v1/logs", body=_lines())
    yield replace(push, path="/otlp/v1/logs", type=TEXT, body=_lines())
    yield post(f"/loki/api/v1/delete?query={_ALL_LINES}&start=1700000000", TAKEN)
    yield post("/log_level?log_level=debug", LEVEL)
    yield post("/log_level", LEVEL, "form", FORM, b"log_level=debug")
    yield post("/flush", TAKEN)
    yield post("/ingester/prepare_shutdown", TAKEN)
    yield post("/ingester/shutdown", STOPPED)


def _traces() -> Iterator[Sent]:
    get, post = _to("tempo_port")
    yield get("/api/search?limit=5", READ)
    yield get("/status/config", READ)
    yield get("/metrics", READ, "script")
    yield get("/flush", TAKEN, "blind")
    yield get("/flush", TAKEN, "image")
    yield get("/shutdown", STOPPED, "image")
    yield get("/shutdown", STOPPED, "frame")
    yield post("/shutdown", STOPPED, "form", FORM)
    get, _ = _to("jaeger_port")
    yield get("/api/services", READ)
    yield get(f"/api/v3/traces/{TRACE_ID}", READ)
    for port in ("tempo_otlp_port", "jaeger_otlp_port"):
        _, post = _to(port)
        yield post(_EXPORT_SPANS, TRACE, body=_spans())


def _alertmanager() -> Iterator[Sent]:
    get, post = _to("alertmanager_port")
    yield get("/api/v2/alerts", READ)
    yield get("/api/v2/status", READ)
    body = json.dumps({
        "matchers": [{"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True}],
        "startsAt": _rfc3339(0), "endsAt": _rfc3339(3600), "createdBy": MARK, "comment": "all is well",
    }).encode()  # fmt: skip
    silence = post("/api/v2/silences", SILENCE, body=body)
    yield from (replace(silence, way="cors", type=JSON), replace(silence, type=TEXT))
    yield from (replace(silence, way="form", type=TEXT), replace(silence, way="beacon"))
    alert = post("/api/v2/alerts", ALERT, body=json.dumps([{"labels": {"alertname": MARK}}]).encode())
    yield from (replace(alert, way="cors", type=JSON), replace(alert, type=TEXT))
    yield post("/-/reload", TAKEN)


def _gateway() -> Iterator[Sent]:
    get, post = _to("http_port")
    lines = post("/v1/logs", LINE, body=_lines())
    yield from (lines, replace(lines, way="beacon"), replace(lines, way="cors", type=PROTOBUF))
    text = json.dumps({"resourceLogs": []}).encode()
    yield post("/v1/logs", TAKEN, "cors", JSON, text)
    yield post("/v1/logs", TAKEN, "form", TEXT, text)
    yield post("/v1/traces", TRACE, body=_spans())
    for port in ("grpc_port", "self_port"):
        _, post = _to(port)
        yield post(_EXPORT_METRICS, SERIES, body=_metrics())
    get, _ = _to("metrics_port")
    yield get("/metrics", READ)
    yield get("/metrics", READ, "script")
    get, _ = _to("health_port")
    yield get("/", READ)


def _audit() -> Iterator[Sent]:
    get, post = _to("feedback_port")
    vote = post("/v1/feedback", TAKEN, body=json.dumps({"rating": "positive", "trace_id": TRACE_ID}).encode())
    yield from (replace(vote, way="cors", type=JSON), replace(vote, type=TEXT), replace(vote, way="beacon", type=TEXT))
    yield get("/health", READ)
    for port in ("audit_health_port", "keeper_port"):
        get, _ = _to(port)
        yield get("/health", READ)
    _, post = _to("audit_port")
    yield post(_EXPORT_SPANS, TRACE, body=_spans())


def _exporters(listener: str) -> Iterator[Sent]:
    get, post = _to("prober_port")
    yield get(f"/probe?module=http&target=http://{listener}/", ASKED, "blind")
    yield get(f"/probe?module=tcp&target={listener}", ASKED, "image")
    yield get("/config", READ)
    yield post("/-/reload", TAKEN)
    get, _ = _to("redis_exporter_port")
    yield get(f"/scrape?target=redis://{listener}", ASKED, "blind")
    get, _ = _to("postgres_exporter_port")
    yield get(f"/probe?target={listener}", ASKED, "blind")
    yield get("/metrics", READ)
    get, _ = _to("node_exporter_port")
    yield get("/metrics", READ)
    yield get("/metrics", READ, "preload")


_EXPORT_SPANS: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_EXPORT_METRICS: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

NOT_HTTP: Final = (
    *("grpc_port", "self_port", "audit_port", "postgres_port"),
    *(port.setting for name in STORES for port in SPECS[name].ports if port.inner),
)
"""Ports of gRPC, and the database's."""

_READ_BY_OPERATORS: Final = {
    **{spec.ports[0].setting: spec.health for spec in TABLE if spec.kind in ("store", "exporter")},
    "health_port": "/",
    "metrics_port": "/metrics",
    "prometheus_port": "/api/v1/query?query=up",
    "loki_port": "/loki/api/v1/labels",
    "tempo_port": "/api/search?limit=1",
    "audit_health_port": "/health",
    "keeper_port": "/health",
    "feedback_port": "/health",
    "alertmanager_port": "/api/v2/status",
    "prober_port": "/metrics",
    "node_exporter_port": "/metrics",
    "postgres_exporter_port": "/metrics",
    "redis_exporter_port": "/metrics",
}


def rebound() -> list[Sent]:
    """One request to each HTTP service that its operator is answered."""
    reads = [Sent(port, "GET", path, READ) for port, path in _READ_BY_OPERATORS.items()]
    return [Sent("http_port", "POST", "/v1/traces", READ, type=JSON, body=b"{}"), *reads]


def _to(port: str) -> tuple[Callable[..., Sent], Callable[..., Sent]]:
    """Makers of its GET and POST requests; those of POST can be sent without asking first."""

    def get(path: str, effect: str, way: str = "cors") -> Sent:
        return Sent(port, "GET", path, effect, way)

    def post(path: str, effect: str, way: str = "blind", type: str = "", body: bytes = b"") -> Sent:
        return Sent(port, "POST", path, effect, way, type, body)

    return get, post


def _rfc3339(in_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + in_s))


def _snappy(message: bytes) -> bytes:
    packed: bytes = pyarrow.compress(message, codec="snappy", asbytes=True)
    return packed


def _remote_write() -> bytes:
    labels = [field(1, field(1, name) + field(2, value)) for name, value in ((b"__name__", b"evil"), (b"job", b"evil"))]
    sample = b"\x09" + struct.pack("<d", 666.0) + b"\x10" + _varint(time.time_ns() // 10**6)
    return _snappy(field(1, b"".join(labels) + field(2, sample)))


def _loki_push() -> bytes:
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    stamp = b"\x08" + _varint(seconds) + b"\x10" + _varint(nanoseconds)
    entry = field(1, stamp) + field(2, b"pushed by a page")
    return _snappy(field(1, field(1, f'{{service_name="{MARK}"}}'.encode()) + field(2, entry)))


def _lines() -> bytes:
    message = ExportLogsServiceRequest()
    of_resource = message.resource_logs.add()
    of_resource.resource.attributes.append(_SERVICE)
    line = of_resource.scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    line.body.string_value = "sent by a page"
    return bytes(message.SerializeToString())


def _metrics() -> bytes:
    message = ExportMetricsServiceRequest()
    of_resource = message.resource_metrics.add()
    of_resource.resource.attributes.append(_SERVICE)
    points = of_resource.scope_metrics.add().metrics.add(name=MARK).gauge.data_points
    points.add(time_unix_nano=time.time_ns(), as_int=666)
    return bytes(message.SerializeToString())


def _spans() -> bytes:
    message, now = ExportTraceServiceRequest(), time.time_ns()
    of_resource = message.resource_spans.add()
    of_resource.resource.attributes.append(_SERVICE)
    times = {"start_time_unix_nano": now - 10**6, "end_time_unix_nano": now}
    ids = {"trace_id": bytes.fromhex(TRACE_ID), "span_id": b"\xee" * 8}
    of_resource.scope_spans.add().spans.add(name="sent by a page", **ids, **times)
    return bytes(message.SerializeToString())


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])
