"""Recorded agent runs, sent repeatedly with new ids: what the audit tests send and expect to find.

The recordings are what OpenInference emitted for LangGraph runs, with content, as tests/golden keeps them. Run number N
always has the same trace and span ids.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

GOLDEN = Path(__file__).parents[1] / "golden"
# 7, 10 and 16 spans: 10 on average.
KINDS = ("agent", "graph", "agent", "graph", "team", "agent", "graph", "agent", "graph", "team")
RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
}


@dataclass(frozen=True)
class Shape:
    """The ids of a recorded run: each span's number in it, by what it is."""

    spans: int
    runs: tuple[int, ...]
    tools: tuple[int, ...]
    calls: tuple[int, ...]


@cache
def template(kind: str) -> ResourceSpans:
    """The recording, its spans' ids replaced by their numbers."""
    spans = json.loads((GOLDEN / f"openinference-{kind}-content" / "in.json").read_text())["resourceSpans"]
    for scoped in spans[0]["scopeSpans"]:
        for span in scoped["spans"]:
            for key in ("traceId", "spanId", "parentSpanId"):
                if key in span:
                    span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    found = json_format.ParseDict(spans[0], ResourceSpans())
    assert len(spans) == 1
    return found


@cache
def shape(kind: str) -> Shape:
    """Read from the recording of what the gateway makes of it."""
    whole = json.loads((GOLDEN / f"openinference-{kind}-content" / "expected.json").read_text())
    operations = []
    for scoped in whole["resourceSpans"][0]["scopeSpans"]:
        for span in scoped["spans"]:
            values = {each["key"]: each["value"] for each in span["attributes"]}
            operations.append(values.get("gen_ai.operation.name", {}).get("stringValue"))

    def of(name: str) -> tuple[int, ...]:
        return tuple(number for number, operation in enumerate(operations) if operation == name)

    return Shape(len(operations), of("invoke_agent"), of("execute_tool"), of("chat"))


def kind_of(number: int) -> str:
    return KINDS[number % len(KINDS)]


def trace_id(number: int, seed: str) -> bytes:
    return hashlib.sha256(f"{seed} {number}".encode()).digest()[:16]


def span_id(number: int, index: int, seed: str) -> bytes:
    return hashlib.sha256(f"{seed} {number} {index}".encode()).digest()[:8]


def run(number: int, seed: str, service: str, now_ns: int) -> ResourceSpans:
    """One run that begins at `now_ns`."""
    made = ResourceSpans()
    made.CopyFrom(template(kind_of(number)))
    for attribute in made.resource.attributes:
        if attribute.key == "service.name":
            attribute.value.string_value = service
    spans: list[Span] = [span for scoped in made.scope_spans for span in scoped.spans]
    ids = {span.span_id: span_id(number, index, seed) for index, span in enumerate(spans)}
    shift = now_ns - min(span.start_time_unix_nano for span in spans)
    whole = trace_id(number, seed)
    for span in spans:
        span.trace_id, span.span_id = whole, ids[span.span_id]
        if span.parent_span_id:
            span.parent_span_id = ids[span.parent_span_id]
        span.start_time_unix_nano += shift
        span.end_time_unix_nano += shift
        for event in span.events:
            event.time_unix_nano += shift
        for attribute in span.attributes:
            if attribute.key in ("session.id", "user.id"):
                attribute.value.string_value = f"{attribute.key}-{number % 100}"
    return made


@dataclass
class Sender:
    """Sends `total` runs in small requests over several connections, each until it is acknowledged.

    `sent` counts acknowledged runs; a request may arrive twice when its acknowledgement was lost.
    """

    endpoint: str
    total: int
    seed: str
    service: str
    per_request: int = 20
    connections: int = 4
    sent: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._work) for _ in range(self.connections)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        with grpc.insecure_channel(self.endpoint) as channel:
            export = trace_service_pb2_grpc.TraceServiceStub(channel).Export
            while (numbers := self._take()) and not self.failures:
                now = time.time_ns()
                made = [run(number, self.seed, self.service, now) for number in numbers]
                self._until_taken(export, trace_service_pb2.ExportTraceServiceRequest(resource_spans=made))
                with self._lock:
                    self.sent += len(numbers)

    def _take(self) -> range:
        with self._lock:
            first = self._next
            self._next = min(first + self.per_request, self.total)
            return range(first, self._next)

    def _until_taken(self, export: Callable[..., object], request: object) -> None:
        while not self.failures:
            try:
                export(request, timeout=10)
                return
            except grpc.RpcError as error:
                if error.code() not in RETRYABLE:
                    self.failures.append(f"{error.code()}: {error.details()}")
                time.sleep(0.2)


def expected(numbers: Iterable[int], seed: str, what: str) -> set[tuple[str, str]]:
    """(trace id, span id) of every `runs`, `tools` or `calls` of these runs."""
    return {
        (trace_id(number, seed).hex(), span_id(number, index, seed).hex())
        for number in numbers
        for index in getattr(shape(kind_of(number)), what)
    }
