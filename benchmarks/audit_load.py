"""The load of bench_audit.py: requests like the gateway's, of recorded runs with new ids and times each time."""

from __future__ import annotations

import base64
import json
import os
import re
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otelgate_audit.ingest.decode import decode_traces

GOLDEN = Path(__file__).parent.parent / "tests/golden"
RUNS_TOGETHER = 3  # of one application in a row, as in the SDK's batches
USERS = 10_000
# Placeholders of a trace id (with its number), a span's time (likewise, little-endian), a user and a session.
_TRACE = b"\xb3otelgat"
_TIME = 0x7A5CB3 << 40
_FINDERS = {
    "trace": re.compile(re.escape(_TRACE) + rb"(?s:(.{8}))"),
    "time": re.compile(rb"(?s)(.{5})\xb3\x5c\x7a"),
    "user": re.compile(rb"user-(\d{7})"),
    "session": re.compile(rb"session-(\d{7})"),
}


@dataclass
class _Trace:
    """Where a trace's own bytes are in the request; `late`: those of its outermost spans."""

    ids: list[int] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)
    times: list[tuple[int, int]] = field(default_factory=list)  # position, nanoseconds after the trace's start


@dataclass
class _Identity:
    trace_id: bytes
    user: bytes
    session: bytes
    start: int


class Load:
    """Makes requests of about `size` bytes; any thread may call `next`.

    With `late`, a run's outermost span comes one request after the others: its parents end after it, in real life too.
    """

    def __init__(self, cases: list[str], size: int, late: bool) -> None:
        self._lock = threading.Lock()
        self._made = 0
        self.late = late
        request = ExportTraceServiceRequest()
        self._times: list[tuple[int, int, bool]] = []  # of each placeholder: trace, offset, outermost
        self._traces = 0
        while request.ByteSize() < size:
            for case in cases:
                self._append(request, case)
        self._template = request.SerializeToString()
        self._early, self._outer = self._positions()
        self.spans = sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
        self.traces = self._traces
        batch = decode_traces(self._template, _TIME // 1000)
        if batch.rejects:
            raise SystemExit(f"a recorded span is rejected: {batch.rejects[0].reason}")
        self.records = Counter(
            runs=len(batch.runs), model_calls=len(batch.model_calls), tool_calls=len(batch.tool_calls)
        )
        self._before = self._identities()

    @property
    def size(self) -> int:
        return len(self._template)

    @property
    def made(self) -> int:
        return self._made

    @property
    def turns(self) -> int:
        """Traces that were sent. With `late`, the first request had outermost spans of traces of which no more came."""
        started = sum(bool(trace.ids) for trace in self._early) if self.late else 0
        return self.traces * self._made + started

    def next(self) -> bytes:
        """A request with ids that were never used before, and the time of now."""
        request = bytearray(self._template)
        own = self._identities()
        with self._lock:
            self._made += 1
            before, self._before = self._before, own
        _fill(request, self._early, own)
        _fill(request, self._outer, before if self.late else own)
        return bytes(request)

    def _identities(self) -> list[_Identity]:
        with self._lock:
            first = self._traces
            self._traces += self.traces
        now = time.time_ns() - 2 * 10**9
        ids = os.urandom(16 * self.traces)
        return [
            _Identity(
                ids[16 * number : 16 * number + 16],
                b"%07d" % ((first + number) % USERS),
                b"%07d" % ((first + number) // 3),
                now + number * 1000,
            )
            for number in range(self.traces)
        ]

    def _append(self, request: ExportTraceServiceRequest, case: str) -> None:
        for repeated in range(RUNS_TOGETHER):
            recorded = _read(case, self._traces)
            resource = recorded.resource_spans[0]
            spans = [span for scope in resource.scope_spans for span in scope.spans]
            starts: dict[bytes, int] = {}
            for span in spans:
                starts[span.trace_id] = min(span.start_time_unix_nano, starts.get(span.trace_id, 1 << 62))
            numbers = {trace: self._traces + number for number, trace in enumerate(starts)}
            for span in spans:
                for attribute in span.attributes:
                    if attribute.key.endswith(".received_at"):
                        attribute.value.int_value = time.time_ns()  # once for all requests: it has no fixed length
                number, start, outer = numbers[span.trace_id], starts[span.trace_id], not span.parent_span_id
                for name in ("start_time_unix_nano", "end_time_unix_nano"):
                    self._times.append((number, getattr(span, name) - start, outer))
                    setattr(span, name, _TIME | len(self._times) - 1)
                span.trace_id = _TRACE + struct.pack(">Q", number)
            self._traces += len(numbers)
            if not repeated:
                request.resource_spans.append(resource)
            else:
                for scope, more in zip(request.resource_spans[-1].scope_spans, resource.scope_spans, strict=True):
                    scope.spans.extend(more.spans)

    def _positions(self) -> tuple[list[_Trace], list[_Trace]]:
        early = [_Trace() for _ in range(self._traces)]
        outer = [_Trace() for _ in range(self._traces)]
        found = {name: list(finder.finditer(self._template)) for name, finder in _FINDERS.items()}
        # A span's bytes follow its trace id; the time's placeholder tells whose the trace id before it is.
        marks = sorted((match.start(), name, match) for name, matches in found.items() for match in matches)
        kinds: dict[int, bool] = {}
        span = -1
        for position, name, match in marks:
            if name == "trace":
                span = position
            elif name == "time":
                kinds[span] = self._times[int.from_bytes(match[1], "little")][2]
        for position, name, match in marks:
            if name == "trace":
                side = outer if kinds[position] else early
                number = int.from_bytes(match[1], "big")
                side[number].ids.append(position)
            elif name == "time":
                _, offset, _ = self._times[int.from_bytes(match[1], "little")]
                side[number].times.append((position, offset))
            else:
                places = side[number].users if name == "user" else side[number].sessions
                places.append(match.start(1))
        return early, outer


def _fill(request: bytearray, traces: list[_Trace], identities: list[_Identity]) -> None:
    pack = struct.Struct("<Q").pack_into
    for trace, identity in zip(traces, identities, strict=True):
        for at in trace.ids:
            request[at : at + 16] = identity.trace_id
        for at in trace.users:
            request[at : at + 7] = identity.user
        for at in trace.sessions:
            request[at : at + 7] = identity.session
        for at, offset in trace.times:
            pack(request, at, identity.start + offset)


def _read(case: str, number: int) -> ExportTraceServiceRequest:
    told = (GOLDEN / case / "expected.json").read_text()
    for recorded, placeholder in (
        ("user-1", f"user-{number:07}"),
        ("session-1", f"session-{number:07}"),
        ("thread-7", f"session-{number:07}"),
    ):
        told = told.replace(recorded, placeholder)
    return json_format.ParseDict(_ids_as_base64(json.loads(told)), ExportTraceServiceRequest())


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
