"""OTLP requests for the decoder's tests: from the golden cases, and made by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from protobuf_field import field

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NOW_US = 1_900_000_000_000_000
START_NS = 1_800_000_000_123_456_789
TRACE_ID = bytes(range(16))
SPAN_ID = bytes(range(1, 9))


def golden(case: str) -> bytes:
    """The request that the gateway makes of a golden case of traces."""
    return request(json.loads((GOLDEN / case / "expected.json").read_text()), ExportTraceServiceRequest())


def golden_logs(case: str) -> bytes:
    """The same of logs."""
    return request(json.loads((GOLDEN / case / "expected.json").read_text()), ExportLogsServiceRequest())


def request(document: Any, empty: Any) -> bytes:
    """OTLP's JSON as protobuf."""
    _ids_as_base64(document)
    made: bytes = json_format.ParseDict(document, empty).SerializeToString()
    return made


def value(plain: Any) -> AnyValue:
    """A Python value as OTLP's."""
    if plain is None or isinstance(plain, AnyValue):
        return plain or AnyValue()
    if isinstance(plain, bool):
        return AnyValue(bool_value=plain)
    if isinstance(plain, int):
        return AnyValue(int_value=plain)
    if isinstance(plain, float):
        return AnyValue(double_value=plain)
    if isinstance(plain, str):
        return AnyValue(string_value=plain)
    if isinstance(plain, bytes):
        return AnyValue(bytes_value=plain)
    if isinstance(plain, list):
        return AnyValue(array_value=ArrayValue(values=[value(each) for each in plain]))
    return AnyValue(kvlist_value=KeyValueList(values=attributes(plain)))


def attributes(plain: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(each)) for key, each in plain.items()]


def span(operation: str | None = "chat", **fields: Any) -> Span:
    """A good span; `attributes` are added to the operation, other fields replace."""
    own = fields.pop("attributes", {})
    names = {} if operation is None else {"gen_ai.operation.name": operation}
    good = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "name": "made",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 1_500_000_000,
    }
    return Span(**(good | fields), attributes=attributes(names | own))


def log(event: str = "", **fields: Any) -> LogRecord:
    """A good log event."""
    own = fields.pop("attributes", {})
    good = {"time_unix_nano": START_NS, "event_name": event}
    return LogRecord(**(good | fields), attributes=attributes(own))


def traces(*spans: Span | bytes, resource: dict[str, Any] | None = None) -> bytes:
    """A request of one resource (service `shop`); a span may be its bytes."""
    return _request(spans, {"service.name": "shop"} if resource is None else resource)


def logs(*records: LogRecord | bytes, resource: dict[str, Any] | None = None) -> bytes:
    return _request(records, {"service.name": "shop"} if resource is None else resource)


def nested(key: str, depth: int) -> bytes:
    """An attribute, deeper than protobuf's own classes go: a list in a list in a list."""
    found = field(1, b"deep")
    for _ in range(depth):
        found = field(5, field(1, found))
    return field(1, key.encode()) + field(2, found)


def _request(records: Any, resource: dict[str, Any]) -> bytes:
    raw = [each if isinstance(each, bytes) else each.SerializeToString() for each in records]
    owner = b"".join(field(1, each.SerializeToString()) for each in attributes(resource))
    return field(1, field(1, owner) + field(2, b"".join(field(2, each) for each in raw)))


def _ids_as_base64(document: Any) -> None:
    """OTLP's JSON writes ids in hexadecimal, protobuf's in base64."""
    if isinstance(document, list):
        for each in document:
            _ids_as_base64(each)
    elif isinstance(document, dict):
        for key, each in document.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                document[key] = base64.b64encode(bytes.fromhex(each)).decode()
            else:
                _ids_as_base64(each)
