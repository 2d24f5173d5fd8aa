"""The sink's own metrics and log events as they leave, by OTLP to a stand-in for the gateway."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otelgate_audit import settings
from otelgate_audit.ingest import receiver
from otelgate_audit.process.telemetry import Meters, Telemetry, brief


@dataclass
class Gateway:
    """The received requests, unchanged."""

    port: int = 0
    metrics: list[bytes] = field(default_factory=list)
    logs: list[bytes] = field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    came = Gateway()
    running = grpc.server(ThreadPoolExecutor(2))
    for name, kept in ((receiver.METRICS, came.metrics), (receiver.LOGS, came.logs)):

        def export(request: bytes, context: grpc.ServicerContext, kept: list[bytes] = kept) -> bytes:
            kept.append(request)
            return b""

        handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
        running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    came.port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield came
    running.stop(0)


def test_metrics_and_events_leave_by_otlp(gateway: Gateway) -> None:
    telemetry = Telemetry(replace(settings.load({}), otlp_endpoint=f"http://127.0.0.1:{gateway.port}"))
    meters = telemetry.meters
    meters.accepted("runs", 3)
    meters.committed("runs", 2)
    meters.rejected("traces", 1)
    meters.rejected("traces", 0)
    meters.failed("retention")
    meters.write(0.25)
    meters.queue_age(lambda: 1.5)
    meters.levels("otelgate.user.cost.max", [({"service.name": "shop"}, 0.75)])
    telemetry.event("otelgate.audit.head", {"otelgate.audit.head.seq": 7})
    telemetry.shutdown()

    request = ExportMetricsServiceRequest.FromString(gateway.metrics[-1])
    resource = {each.key: each.value.string_value for each in request.resource_metrics[0].resource.attributes}
    assert resource["service.name"] == "otelgate-audit"
    assert resource["service.instance.id"] == f"{socket.gethostname()}:4320"
    metrics = {each.name: each for each in request.resource_metrics[0].scope_metrics[0].metrics}
    sums = {
        name: (each.unit, {point.attributes[0].value.string_value: point.as_int for point in each.sum.data_points})
        for name, each in metrics.items()
        if each.HasField("sum")
    }
    assert sums == {
        "otelgate.audit.accepted": ("{record}", {"runs": 3}),
        "otelgate.audit.committed": ("{record}", {"runs": 2}),
        "otelgate.audit.rejected": ("{record}", {"traces": 1}),
        "otelgate.audit.job.failures": ("{run}", {"retention": 1}),
    }
    write = metrics["otelgate.audit.write.duration"]
    assert (write.unit, write.histogram.data_points[0].sum) == ("s", 0.25)
    age = metrics["otelgate.audit.queue.age"]
    assert (age.unit, age.gauge.data_points[0].as_double) == ("s", 1.5)
    cost = metrics["otelgate.user.cost.max"]
    assert (cost.unit, cost.gauge.data_points[0].as_double) == ("{USD}", 0.75)

    logs = ExportLogsServiceRequest.FromString(gateway.logs[-1])
    (record,) = logs.resource_logs[0].scope_logs[0].log_records
    assert record.event_name == "otelgate.audit.head"
    assert [(each.key, each.value.int_value) for each in record.attributes] == [("otelgate.audit.head.seq", 7)]
    assert record.time_unix_nano


def test_gauge_missing_from_table_raises() -> None:
    with pytest.raises(ValueError, match=r"gauge 'otelgate.x': expected one of otelgate.session.active, "):
        Meters().levels("otelgate.x", [])


def test_brief_shows_only_the_text_of_own_errors() -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({"OTELGATE_AUDIT_PORT": "x"})
    assert brief(caught.value) == "SettingsError: OTELGATE_AUDIT_PORT='x': expected a port number from 1 to 65535"
    assert brief(ValueError("what a user wrote")) == "ValueError"
