"""Runs and events that are sent until they are acknowledged, by a client whose gateway and stores come and go."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from world import World

CALL_USD = 0.00015  # 1,000 tokens in, of gpt-4o-mini
MOST_A_SECOND = 50
"""Runs; and as many events."""


def attributes(**values: str | int) -> list[KeyValue]:
    def wrapped(value: str | int) -> AnyValue:
        return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)

    return [KeyValue(key=name.replace("__", "."), value=wrapped(value)) for name, value in values.items()]


def resource(service: str) -> Resource:
    return Resource(attributes=attributes(service__name=service))


def trace_id(number: int) -> str:
    """Of run `number`, as 32 hexadecimal digits."""
    return f"{number:032x}"


def a_run(
    number: int, service: str, words: str = "hello", ahead_s: int = 0
) -> trace_service_pb2.ExportTraceServiceRequest:
    """An agent's run with one model call in it, `ahead_s` seconds from now."""
    now = time.time_ns() + ahead_s * 1_000_000_000

    def span(index: int, **values: str | int) -> Span:
        return Span(
            trace_id=number.to_bytes(16, "big"),
            span_id=(2 * number + index).to_bytes(8, "big"),
            parent_span_id=b"" if index == 0 else (2 * number).to_bytes(8, "big"),
            name=f"span {index}",
            start_time_unix_nano=now - 1_000_000,
            end_time_unix_nano=now,
            attributes=attributes(**values),
        )

    run = span(0, gen_ai__operation__name="invoke_agent", gen_ai__agent__name="clerk")
    call = span(
        1,
        gen_ai__operation__name="chat",
        gen_ai__provider__name="openai",
        gen_ai__request__model="gpt-4o-mini",
        gen_ai__usage__input_tokens=1000,
        gen_ai__usage__output_tokens=0,
        gen_ai__input__messages=words,
    )
    spans = ResourceSpans(resource=resource(service), scope_spans=[ScopeSpans(spans=[run, call])])
    return trace_service_pb2.ExportTraceServiceRequest(resource_spans=[spans])


def an_event(number: int, service: str, ahead_s: int = 0) -> logs_service_pb2.ExportLogsServiceRequest:
    """A product event, `ahead_s` seconds from now."""
    record = LogRecord(
        time_unix_nano=time.time_ns() + ahead_s * 1_000_000_000,
        event_name="paid",
        attributes=attributes(otelgate__event__name="paid", log__record__uid=f"{service}-{number}"),
    )
    logs = ResourceLogs(resource=resource(service), scope_logs=[ScopeLogs(log_records=[record])])
    return logs_service_pb2.ExportLogsServiceRequest(resource_logs=[logs])


@dataclass
class Sender:
    """Sends runs and events without end, each until it is acknowledged: a client whose gateway comes and goes.

    `ahead_s`: how far its clock is ahead, in seconds; `times`: how often it sends each, though it was acknowledged.
    """

    world: World
    service: str
    first: int
    ahead_s: int = 0
    times: int = 1
    acknowledged: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self.world.settings.grpc_port}") as channel:
            traces = trace_service_pb2_grpc.TraceServiceStub(channel)
            logs = logs_service_pb2_grpc.LogsServiceStub(channel)
            while not self._over.is_set():
                number = self.first + self.acknowledged
                run, event = (
                    a_run(number, self.service, ahead_s=self.ahead_s),
                    an_event(number, self.service, self.ahead_s),
                )
                for _ in range(self.times):
                    self._until_taken(traces, run)
                    self._until_taken(logs, event)
                self.acknowledged += 1
                self._over.wait(1 / MOST_A_SECOND)

    def _until_taken(self, stub: Any, request: Any) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                stub.Export(request, timeout=5, wait_for_ready=True)
            except grpc.RpcError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def stop(self) -> int:
        """How much was acknowledged in all."""
        self._over.set()
        self._thread.join(180)
        assert not self._thread.is_alive()
        return self.acknowledged


def total(world: World, metric: str, service: str) -> float:
    return world.prometheus.value(f'sum({metric}{{service_name="{service}"}})') or 0
