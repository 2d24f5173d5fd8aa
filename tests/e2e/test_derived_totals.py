"""Derived totals are what was acknowledged: after kill -9 of the gateway, with Prometheus away, and beside refusals."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from otelgate_stack.stores import GatewayMetrics
from waiting import until
from world import OwnWorld, World

CALL_USD = 0.00015  # 1,000 tokens in, of gpt-4o-mini


def attributes(**values: str | int) -> list[KeyValue]:
    def wrapped(value: str | int) -> AnyValue:
        return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)

    return [KeyValue(key=name.replace("__", "."), value=wrapped(value)) for name, value in values.items()]


def resource(service: str) -> Resource:
    return Resource(attributes=attributes(service__name=service))


def a_run(number: int, service: str, words: str = "hello") -> trace_service_pb2.ExportTraceServiceRequest:
    """An agent's run with one model call in it."""
    now = time.time_ns()

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


def an_event(number: int, service: str) -> logs_service_pb2.ExportLogsServiceRequest:
    record = LogRecord(
        time_unix_nano=time.time_ns(),
        event_name="paid",
        attributes=attributes(otelgate__event__name="paid", log__record__uid=f"{service}-{number}"),
    )
    logs = ResourceLogs(resource=resource(service), scope_logs=[ScopeLogs(log_records=[record])])
    return logs_service_pb2.ExportLogsServiceRequest(resource_logs=[logs])


@dataclass
class Sender:
    """Sends runs and events without end, each until it is acknowledged: a client whose gateway comes and goes."""

    world: World
    service: str
    first: int
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
                self._until_taken(traces, a_run(number, self.service))
                self._until_taken(logs, an_event(number, self.service))
                self.acknowledged += 1

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


def refused_by(world: World, exporter: str) -> float:
    return sum(
        sample.value
        for sample in GatewayMetrics(f"http://127.0.0.1:{world.settings.metrics_port}").samples()
        if sample.labels["__name__"].startswith("otelcol_exporter_enqueue_failed_spans")
        and sample.labels["exporter"] == exporter
    )


def test_what_the_audit_queue_refuses_is_not_counted(own_prometheus: OwnWorld) -> None:
    world, service = own_prometheus, "derived-refused"
    world.gateway.stop()
    world.gateway.start(OTELGATE_QUEUE_BYTES="20000")
    acknowledged, refused = 0, 0
    with grpc.insecure_channel(f"127.0.0.1:{world.settings.grpc_port}") as channel:
        traces = trace_service_pb2_grpc.TraceServiceStub(channel)

        def send(number: int, words: str) -> bool:
            """Once, whatever the answer is."""
            try:
                traces.Export(a_run(number, service, words), timeout=30, wait_for_ready=True)
            except grpc.RpcError:
                return False
            return True

        while refused < 10:
            taken = send(10_000_000 + acknowledged + refused, "only the audit sink gets these words " * 50)
            acknowledged, refused = acknowledged + taken, refused + (not taken)
            assert acknowledged < 1000
        assert acknowledged > 0
        assert refused_by(world, "otlp_grpc/audit") > 0
        assert refused_by(world, "otlp_grpc/tempo") == 0, "the stores get what the audit sink's queue has taken"
        # One that is counted later than all of these could be.
        world.gateway.stop()
        world.gateway.start()
        assert send(20_000_000, "the last one")
    wanted = acknowledged + 1
    counted = until(lambda: total(world, "otelgate_run_count_total", service), lambda value: value >= wanted)
    print(f"\n{wanted} runs acknowledged, {refused} refused and never sent again, {counted:.0f} counted")
    assert counted == wanted
    assert total(world, "otelgate_llm_cost_total", service) == pytest.approx(wanted * CALL_USD, rel=1e-9)


def test_totals_are_what_was_acknowledged_after_two_kills(own_prometheus: OwnWorld) -> None:
    world, service = own_prometheus, "derived-kills"
    senders = [Sender(world, service, first=1 + number * 1_000_000) for number in range(3)]

    def more() -> None:
        """A hundred more are acknowledged."""
        wanted = sum(sender.acknowledged for sender in senders) + 100
        assert until(lambda: sum(sender.acknowledged for sender in senders) >= wanted, deadline_s=120)

    more()
    assert until(lambda: total(world, "otelgate_run_count_total", service) >= 50)
    world.gateway.kill()
    world.gateway.start()
    more()
    world.backends.stop("prometheus")
    try:
        more()
        world.gateway.kill()
        world.gateway.start()
        more()
    finally:
        world.backends.start("prometheus")
    acknowledged = sum(sender.stop() for sender in senders)

    counted = until(
        lambda: total(world, "otelgate_run_count_total", service), lambda value: value >= acknowledged, deadline_s=120
    )
    assert counted == acknowledged
    cost = until(
        lambda: total(world, "otelgate_llm_cost_total", service), lambda value: value > acknowledged * 0.000149
    )
    assert cost == pytest.approx(acknowledged * CALL_USD, rel=1e-9)
    assert until(lambda: total(world, "otelgate_event_count_total", service) == acknowledged)
    print(f"\n{acknowledged} runs acknowledged over two kills of the gateway, {counted:.0f} counted, ${cost:.5f}")
    # Nothing that increase() takes for a counter that starts anew.
    mine = f'otelgate_run_count_total{{service_name="{service}"}}[1h]'
    assert world.prometheus.value(f"max(resets({mine}))") == 0
    assert world.prometheus.value(f"max(min_over_time({mine}))") == 0
    assert world.prometheus.value(f"count(count by (instance) (last_over_time({mine})))") == 1
