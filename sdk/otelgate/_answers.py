"""Answers in which a receiver refuses some items of a request and takes the rest: OTLP's partial success."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from . import _guard

Hear = Callable[[int, str], None]
"""Gets the number of items that a receiver refused, and its message."""

_ANSWERS: dict[str, tuple[Any, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}
_PROTOBUF = "application/x-protobuf"


def listen(exporter: Any, signal: str, hear: Hear) -> Any:
    """Have one of upstream's exporters, which ignore what an answer of success says, tell it."""
    if callable(stub := getattr(exporter, "_stub", None)):  # gRPC's, which replaces its client now and then
        exporter._stub = lambda channel: _wrapped(
            stub(channel), "Export", functools.partial(_report_rejected, signal, hear)
        )
        if exporter._client is not None:
            _wrapped(exporter._client, "Export", functools.partial(_report_rejected, signal, hear))
    else:  # HTTP's: since 1.45, and before
        for owner, name in ((getattr(exporter, "_client", None), "_submit"), (exporter, "_export")):
            if callable(getattr(owner, name, None)):
                _wrapped(owner, name, functools.partial(_read, signal, hear))
                break
    return exporter


def _wrapped(owner: Any, name: str, see: Callable[[Any], None]) -> Any:
    """The owner of a method, whose results are seen from now on."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        see(result)
        return result

    setattr(owner, name, wrapper)
    return owner


@_guard.never_raises(None)
def _read(signal: str, hear: Hear, result: Any) -> None:
    """Of an HTTP answer, which a proxy may have written: no protobuf, nothing to hear."""
    response = getattr(result, "response", result)
    if response is None or response.status_code != 200:
        return
    if not response.headers.get("content-type", "").startswith(_PROTOBUF):
        return
    answer = _ANSWERS[signal][0]()
    try:
        answer.ParseFromString(response.content)
    except DecodeError:
        return
    _report_rejected(signal, hear, answer)


@_guard.never_raises(None)
def _report_rejected(signal: str, hear: Hear, answer: Any) -> None:
    said = answer.partial_success
    if count := getattr(said, _ANSWERS[signal][1]):
        hear(count, said.error_message)
