"""The load that bench_gateway.py sends to Collectors, and the checks of their output."""

from __future__ import annotations

import base64
import json
import struct
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otelgate.names import (
    GEN_AI_CONVERSATION_ID,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_TOOL_NAME,
    GEN_AI_USAGE_CACHE_READ,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    GEN_AI_USAGE_REASONING,
    OTELGATE_COST_USD,
)

BATCH = 128  # the SDK's default
MARK = b"\xb3gateway"  # the first half of every trace id in the template
# The attributes that both write on a span, in addition to its name.
SPAN_ATTRIBUTES = (
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_TOOL_NAME,
    GEN_AI_CONVERSATION_ID,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    GEN_AI_USAGE_CACHE_READ,
    GEN_AI_USAGE_REASONING,
)
CONTENT = ("input.value", "output.value", "llm.input_messages", "llm.output_messages", "retrieval.documents")


class Load:
    """Whole recorded runs in one request, up to a batch; each call of `batch` gives them trace ids never used before.

    `spans` in a batch, their mean `size` in bytes as sent.
    """

    def __init__(self, golden: Path) -> None:
        cases = [_spans(case) for case in sorted(golden.glob("openinference-*-content/in.json"))]
        if not cases:
            raise SystemExit(f"{golden}: expected recorded cases openinference-*-content")
        request = ExportTraceServiceRequest()
        request.CopyFrom(cases[0])
        spans = request.resource_spans[0].scope_spans[0].spans
        del spans[:]
        traces: dict[tuple[int, bytes], int] = {}
        run = 0
        while len(spans) < BATCH:
            for scope in cases[run % len(cases)].resource_spans[0].scope_spans:
                for span in scope.spans[: BATCH - len(spans)]:
                    number = traces.setdefault((run, span.trace_id), len(traces))
                    spans.append(span)
                    spans[-1].trace_id = MARK + struct.pack(">Q", number)
            run += 1
        self._template = request.SerializeToString()
        assert self._template.count(MARK) == BATCH
        self.spans = BATCH
        self.size = len(self._template) / BATCH
        self._sent = 0

    def batch(self) -> bytes:
        self._sent += 1
        return self._template.replace(MARK, struct.pack(">Q", self._sent))


def _spans(case: Path) -> ExportTraceServiceRequest:
    return json_format.ParseDict(_ids_as_base64(json.loads(case.read_text())), ExportTraceServiceRequest())


def _ids_as_base64(value: Any) -> Any:
    """OTLP's JSON has ids in hex, protobuf's in base64."""
    if isinstance(value, list):
        return [_ids_as_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in ids else _ids_as_base64(item)
        for key, item in value.items()
    }


@dataclass
class Output:
    spans: dict[tuple[bytes, bytes], Span] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)

    @property
    def priced(self) -> int:
        return sum(OTELGATE_COST_USD in _attributes(span) for span in self.spans.values())


class Sink(grpc.GenericRpcHandler):  # type: ignore[misc]
    """An OTLP gRPC server that keeps what it gets."""

    def __init__(self) -> None:
        self._output = Output()
        self._changed = threading.Condition()
        self._server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[self])
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> Sink:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        keep = self._traces if "TraceService" in details.method else self._metrics
        return grpc.unary_unary_rpc_method_handler(keep)

    def _traces(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        with self._changed:
            for resource in ExportTraceServiceRequest.FromString(request).resource_spans:
                for scope in resource.scope_spans:
                    self._output.spans.update({(span.trace_id, span.span_id): span for span in scope.spans})
            self._changed.notify_all()
        return b""

    def _metrics(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        with self._changed:
            for resource in ExportMetricsServiceRequest.FromString(request).resource_metrics:
                for scope in resource.scope_metrics:
                    self._output.metrics.update(metric.name for metric in scope.metrics)
            self._changed.notify_all()
        return b""

    def wait(self, spans: int) -> Output:
        """All spans and some metrics, which come in one request; what is there after 30 s if they don't come."""
        deadline = time.monotonic() + 30
        with self._changed:
            while len(self._output.spans) < spans or not self._output.metrics:
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            return self._output


def compare(ours: Output, theirs: Output) -> list[str]:
    """Where the two differ in what both do, and content that either let through."""
    faults = []
    # By run and span: the second half of a trace id is the same in both batches.
    other = {(trace[8:], span): found for (trace, span), found in theirs.spans.items()}
    for (trace, span_id), span in ours.spans.items():
        twin = other.get((trace[8:], span_id))
        if twin is None:
            faults.append(f"{span.name}: only otelgate sent it on")
            continue
        faults += _differences(span, twin)
    if len(other) != len(ours.spans):
        faults.append(f"spans: otelgate {len(ours.spans)}, ottl {len(other)}")
    # signal_to_metrics cannot give the two points of a span different labels.
    named = {name.removesuffix(".input").removesuffix(".output") for name in theirs.metrics}
    if ours.metrics != named:
        faults.append(f"metrics: otelgate {sorted(ours.metrics)}, ottl {sorted(named)}")
    return faults


def _differences(span: Span, twin: Span) -> list[str]:
    faults = []
    a, b = _attributes(span), _attributes(twin)
    for name in SPAN_ATTRIBUTES:
        if a.get(name) != b.get(name):
            faults.append(f"{span.name}: {name}: otelgate {a.get(name)}, ottl {b.get(name)}")
    prices = [values[OTELGATE_COST_USD].double_value if OTELGATE_COST_USD in values else 0.0 for values in (a, b)]
    if abs(prices[0] - prices[1]) > 1e-9:
        faults.append(f"{span.name}: otelgate.cost.usd: otelgate {prices[0]}, ottl {prices[1]}")
    faults += [f"{span.name}: {name} was not stripped" for name in {*a, *b} if name.startswith(CONTENT)]
    return faults


def _attributes(span: Span) -> dict[str, Any]:
    return {attribute.key: attribute.value for attribute in span.attributes}
