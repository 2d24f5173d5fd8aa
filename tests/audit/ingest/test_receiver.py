"""The receiver over a real gRPC channel: what it answers, and what that makes the gateway do. No real writer here."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import settings
from otelgate_audit.ingest import receiver
from otelgate_audit.model.records import Batch, Event, Reject
from otelgate_audit.process.telemetry import Meters
from otelgate_audit.store.writer import Unavailable

SETTINGS = replace(settings.load({}), audit_port=0, max_message_mib=1)
REQUEST = b"anything"
EVENT = Event(1_767_268_800_000_000, "u", None, "shop", None, None, None, None, "signup", None, None, "{}")


class StandIn:
    """A writer that notes what it is given, and fails or waits as it is told."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.timeouts: list[float] = []
        self.error: Exception | None = None
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()

    def commit(self, batch: Batch, timeout_s: float) -> None:
        self.entered.release()
        self.go_on.wait()
        if self.error:
            raise self.error
        self.batches.append(batch)
        self.timeouts.append(timeout_s)


class Client:
    """Raw requests by the full name of a method, as the gateway sends them."""

    def __init__(self, channel: grpc.Channel, port: int) -> None:
        self.channel, self.port = channel, port
        self.traces = channel.unary_unary(f"/{receiver.TRACES}/Export")
        self.logs = channel.unary_unary(f"/{receiver.LOGS}/Export")


@contextmanager
def serving(
    writer: StandIn, closed: str | None = None, meters: Meters | None = None, chosen: settings.Settings = SETTINGS
) -> Iterator[Client]:
    running = receiver.Receiver(chosen, writer, meters or Meters(), lambda: closed)
    running.start()
    running.serving(closed is None)
    try:
        with grpc.insecure_channel(
            f"127.0.0.1:{running.port}", options=[("grpc.max_send_message_length", -1)]
        ) as channel:
            yield Client(channel, running.port)
    finally:
        writer.go_on.set()
        running.stop(0)


@pytest.fixture
def writer() -> StandIn:
    return StandIn()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Callable[[Batch | Exception], None]:
    """Says what decoding gives, for traces and logs."""

    def give(result: Batch | Exception) -> None:
        def decode(request: bytes, now_us: int) -> Batch:
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(receiver, "decode_traces", decode)
        monkeypatch.setattr(receiver, "decode_logs", decode)

    give(Batch(events=[EVENT]))
    return give


def failure(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def retry_delay_s(error: grpc.RpcError) -> int | None:
    """The field that the Collector's exporter reads; None makes it drop the data."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            status = Status.FromString(value)
            assert status.code == error.code().value[0]
            assert status.message == error.details()
            info = RetryInfo()
            assert status.details[0].Unpack(info)
            return info.retry_delay.seconds
    return None


@pytest.mark.usefixtures("decoded")
def test_ok_comes_after_the_commit(writer: StandIn) -> None:
    writer.go_on.clear()
    with serving(writer) as client:
        answer = client.traces.future(REQUEST)
        assert writer.entered.acquire(timeout=30)
        assert not answer.done()
        writer.go_on.set()
        assert answer.result() == b""
        assert client.logs(REQUEST) == b""
    assert [batch.events for batch in writer.batches] == [[EVENT], [EVENT]]


@pytest.mark.usefixtures("decoded")
def test_commit_waits_no_longer_than_the_sender(writer: StandIn) -> None:
    with serving(writer) as client:
        client.traces(REQUEST)
        client.traces(REQUEST, timeout=7)
        client.traces(REQUEST, timeout=3600)
    assert writer.timeouts[0] == writer.timeouts[2] == 30
    assert writer.timeouts[1] < 10  # gRPC rounds it up


@pytest.mark.usefixtures("decoded")
def test_unavailable_database_makes_the_sender_retry(writer: StandIn) -> None:
    writer.error = Unavailable("the database is away")
    with serving(writer) as client:
        for export in (client.traces, client.logs):
            error = failure(lambda export=export: export(REQUEST))
            assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "the database is away")
            assert retry_delay_s(error) == 2


@pytest.mark.usefixtures("decoded")
def test_failed_commit_keeps_data_and_answers_without_content(
    writer: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    writer.error = ValueError("what a user wrote")
    with serving(writer) as client:
        error = failure(lambda: client.traces(REQUEST))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "internal error: ValueError")
    assert retry_delay_s(error) == 2
    assert "a batch could not be committed: ValueError at receiver.py:" in caplog.text
    assert "what a user wrote" not in caplog.text


@pytest.mark.usefixtures("decoded")
def test_before_the_database_is_there_nothing_is_taken(writer: StandIn) -> None:
    with serving(writer, closed="database: not asked yet") as client:
        error = failure(lambda: client.traces(REQUEST))
        health = health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest())
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "database: not asked yet")
    assert retry_delay_s(error) == 2
    assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert writer.batches == []


def test_malformed_request_is_rejected_permanently(writer: StandIn) -> None:
    garbage = b"\xff" * 70_000
    with serving(writer) as client:
        error = failure(lambda: client.logs(garbage))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "a request of 70000 bytes: expected OTLP as protobuf"
    assert retry_delay_s(error) is None
    (batch,) = writer.batches
    assert batch.rejects == [Reject("logs", None, None, None, False, error.details(), 70_000, garbage[:65_536])]


def test_decoding_error_is_kept_as_reject(
    writer: StandIn, decoded: Callable[[Batch | Exception], None], caplog: pytest.LogCaptureFixture
) -> None:
    decoded(KeyError("what a user wrote"))
    with serving(writer) as client:
        error = failure(lambda: client.traces(REQUEST))
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "internal error: KeyError")
    assert [batch.rejects[0].payload for batch in writer.batches] == [REQUEST]
    assert "what a user wrote" not in caplog.text


def test_ok_answer_names_rejects_without_content(writer: StandIn, decoded: Callable[[Batch | Exception], None]) -> None:
    rejects = [
        Reject("traces", "shop", None, None, False, reason, 3, b"abc") for reason in ("one", "two", "one", "3", "4")
    ]
    decoded(Batch(events=[EVENT], rejects=rejects))
    with serving(writer) as client:
        traces = ExportTraceServiceResponse.FromString(client.traces(REQUEST)).partial_success
        logs = ExportLogsServiceResponse.FromString(client.logs(REQUEST)).partial_success
    assert (traces.rejected_spans, traces.error_message) == (5, "content.rejects says why")
    assert (logs.rejected_log_records, logs.error_message) == (5, "content.rejects says why")


def test_request_without_audit_records_is_ok_without_a_commit(writer: StandIn) -> None:
    with serving(writer) as client:
        assert client.traces(b"") == b""
        assert client.logs(b"") == b""
    assert writer.batches == []


@pytest.mark.usefixtures("decoded")
def test_requests_above_the_limit_get_a_retry_delay(writer: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "REQUESTS", 2)
    writer.go_on.clear()
    with serving(writer) as client:
        inside = [client.traces.future(REQUEST) for _ in range(2)]
        assert all(writer.entered.acquire(timeout=30) for _ in inside)
        error = failure(lambda: client.traces(REQUEST))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.details() == "too many requests in flight"
        assert retry_delay_s(error) == 2
        writer.go_on.set()
        assert [each.result() for each in inside] == [b"", b""]
        assert client.traces(REQUEST) == b""


def test_gate_counts_bytes_and_admits_large_request_alone() -> None:
    now = 5.0
    gate = receiver.Gate(requests=3, size=100, clock=lambda: now)
    large = gate.enter(1000)
    assert large is not None
    assert gate.enter(1) is None
    now = 7.5
    assert gate.state() == (1, 2.5)
    gate.leave(large)
    assert gate.state() == (0, 0.0)
    assert [gate.enter(50) is None for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.usefixtures("decoded")
def test_receiver_takes_largest_message_and_refuses_one_byte_more(
    writer: StandIn, compression: grpc.Compression
) -> None:
    """Compressed ones are measured unpacked: a small bomb doesn't get through."""
    largest = 1024 * 1024
    with serving(writer) as client:
        assert client.traces(b"\0" * largest, compression=compression) == b""
        error = failure(lambda: client.traces(b"\0" * (largest + 1), compression=compression))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_delay_s(error) is None


def test_metrics_are_not_taken(writer: StandIn) -> None:
    with serving(writer) as client:
        error = failure(lambda: client.channel.unary_unary(f"/{receiver.METRICS}/Export")(b""))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health(writer: StandIn) -> None:
    with serving(writer) as client:
        stub = health_pb2_grpc.HealthStub(client.channel)
        for service in ("", receiver.TRACES, receiver.LOGS):
            state = stub.Check(health_pb2.HealthCheckRequest(service=service)).status
            assert state == health_pb2.HealthCheckResponse.SERVING


def test_port_in_use_is_reported(writer: StandIn) -> None:
    first = receiver.Receiver(SETTINGS, writer, Meters(), lambda: None)
    first.start()
    second = receiver.Receiver(replace(SETTINGS, audit_port=first.port), writer, Meters(), lambda: None)
    with pytest.raises(OSError, match="another process") as caught:
        second.start()
    first.stop(0)
    assert str(caught.value) == f"127.0.0.1:{first.port}: can't listen there; is another process on that port?"


def test_received_records_are_counted_by_kind(writer: StandIn, decoded: Callable[[Batch | Exception], None]) -> None:
    decoded(Batch(events=[EVENT, EVENT]))
    reader = InMemoryMetricReader()
    with serving(writer, meters=Meters(MeterProvider([reader]))) as client:
        client.logs(REQUEST)
        client.logs(REQUEST)
    data = reader.get_metrics_data()
    assert data
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    assert (metric.name, dict(point.attributes), point.value) == (
        "otelgate.audit.accepted",
        {"otelgate.audit.kind": "events"},
        4,
    )


def test_receiver_decodes_real_request(writer: StandIn) -> None:
    """A span without an operation is not a record; one that names a model call is."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number, operation in enumerate(("", "chat"), start=1):
        span = spans.add(trace_id=b"\1" * 16, span_id=bytes([number]) * 8, name="x")
        span.start_time_unix_nano = 1_767_268_800_000_000_000
        span.end_time_unix_nano = 1_767_268_801_000_000_000
        if operation:
            span.attributes.add(key="gen_ai.operation.name").value.string_value = operation
    with serving(writer) as client:
        client.traces(request.SerializeToString())
    assert [call.span_id for call in writer.batches[0].model_calls] == ["02" * 8]


TOKEN = "5d41" * 16


@pytest.mark.parametrize(
    "given", [(), ("Bearer wrong",), (TOKEN,), (f"bearer {TOKEN}",), (f"Bearer {TOKEN}", f"Bearer {TOKEN}")]
)
def test_receiver_refuses_sender_without_token_before_its_message(
    writer: StandIn, tmp_path: Path, given: tuple[str, ...]
) -> None:
    headers = [("authorization", value) for value in given]
    with serving(writer, chosen=_with_token(tmp_path)) as client:
        for call in (client.traces, client.logs):
            # Larger than what gRPC takes: it would say so, had it looked at the message.
            refused = failure(lambda call=call: call(bytes(2 << 20), metadata=headers))
            assert refused.code() == grpc.StatusCode.UNAVAILABLE  # else a gateway would drop what it holds
            assert refused.details() == "authorization: expected the token in OTELGATE_AUDIT_TOKEN_FILE"
    assert not writer.batches


def test_receiver_serves_sender_with_token(
    writer: StandIn, decoded: Callable[[Batch | Exception], None], tmp_path: Path
) -> None:
    writer.go_on.set()
    with serving(writer, chosen=_with_token(tmp_path)) as client:
        client.logs(b"", metadata=[("authorization", f"Bearer {TOKEN}")])
        health = health_pb2_grpc.HealthStub(client.channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    assert len(writer.batches) == 1


def _with_token(folder: Path) -> settings.Settings:
    file = folder / "token"
    file.write_text(f"{TOKEN}\n")
    return replace(SETTINGS, audit_token_file=file)


def test_connections_above_the_bound_are_closed_and_others_served(writer: StandIn) -> None:
    with serving(writer, chosen=replace(SETTINGS, max_connections_per_address=3)) as client, ExitStack() as opened:

        def connects() -> bool:
            """Whether the server begins to speak on one connection more."""
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=60))
            try:
                return connection.recv(1) != b""
            except ConnectionError:
                return False

        assert [connects() for _ in range(4)] == [True, True, True, False]
