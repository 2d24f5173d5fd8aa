"""What a receiver says of items that it refused, while it took the rest of their request: OTLP's partial success."""

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
"""Is told how many items a receiver refused, and its words."""

_ANSWERS: dict[str, tuple[Any, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}
_PROTOBUF = "application/x-protobuf"


def listen(exporter: Any, signal: str, hear: Hear) -> Any:
    """Have one of upstream's exporters, which ignore what an answer of success says, tell it."""
    if callable(stub := getattr(exporter, "_stub", None)):  # gRPC's, which makes the client anew now and then
        exporter._stub = lambda channel: _listening(stub(channel), signal, hear)
        if exporter._client is not None:
            _listening(exporter._client, signal, hear)
    elif callable(submit := getattr(client := getattr(exporter, "_client", None), "_submit", None)):

        @functools.wraps(submit)
        def submit_and_listen(*args: Any, **kwargs: Any) -> Any:
            result = submit(*args, **kwargs)
            _read(result, signal, hear)
            return result

        client._submit = submit_and_listen  # type: ignore[union-attr]
    return exporter


def _listening(client: Any, signal: str, hear: Hear) -> Any:
    export = client.Export

    def export_and_listen(*args: Any, **kwargs: Any) -> Any:
        answer = export(*args, **kwargs)
        _tell(answer, signal, hear)
        return answer

    client.Export = export_and_listen
    return client


@_guard.never_raises(None)
def _read(result: Any, signal: str, hear: Hear) -> None:
    """Of an HTTP answer, which a proxy may have written: no protobuf, nothing to hear."""
    if result.status_code != 200 or not str(result.headers().get("content-type")).startswith(_PROTOBUF):
        return
    answer = _ANSWERS[signal][0]()
    try:
        answer.ParseFromString(result.content())
    except DecodeError:
        return
    _tell(answer, signal, hear)


@_guard.never_raises(None)
def _tell(answer: Any, signal: str, hear: Hear) -> None:
    said = answer.partial_success
    hear(getattr(said, _ANSWERS[signal][1]), said.error_message)
