"""The gateway goes away and comes back: one line each, and nothing lost that the queue can hold."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import grpc
import pytest
from opentelemetry.sdk.trace.export import SpanExportResult
from otelgate import _export, _health
from otlp_receiver import WAIT_S, Receiver
from programs import INSTRUMENT, Programs

GOES_ON = "The application goes on; up to a full queue is kept until it is back"
APP = """
    import logging, sys
    from opentelemetry import trace
    tracer = trace.get_tracer("app")
    print("ready", flush=True)
    for line in sys.stdin:
        for number in range(10):
            with tracer.start_as_current_span(line.strip()):
                logging.getLogger("app").error("x") if "log" in line else None
        print("did", line.strip(), flush=True)
"""


@pytest.fixture
def app(programs: Programs, receiver: Receiver) -> Iterator[subprocess.Popen[str]]:
    file = programs.write(APP)
    process = subprocess.Popen(
        [str(INSTRUMENT), sys.executable, str(file)],
        env=programs.environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="50",
            OTEL_METRICS_EXPORTER="none",
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == f"did {word}\n"


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().rstrip("\n")


@pytest.mark.shows("K08", "F7")
def test_one_line_when_away_one_when_back_and_nothing_lost(app: subprocess.Popen[str], receiver: Receiver) -> None:
    tell(app, "before")
    receiver.wait_for(lambda: len(receiver.spans("before")) == 10, "the first spans")
    receiver.stop()
    tell(app, "away")
    away = line_of(app)
    assert away.startswith(f"can't send telemetry to 127.0.0.1:{receiver.port}: UNAVAILABLE ")
    assert away.endswith(f". {GOES_ON}")
    for _ in range(5):
        tell(app, "still away")
    receiver.start()
    receiver.wait_for(lambda: len(receiver.spans("still away")) == 50, "what was kept")
    assert len(receiver.spans("away")) == 10
    assert line_of(app) == f"telemetry goes to 127.0.0.1:{receiver.port} again"
    stdout, stderr = app.communicate(timeout=WAIT_S)
    assert (app.returncode, stdout, stderr) == (0, "", "")


def test_permanent_rejection_is_not_retried(app: subprocess.Popen[str], receiver: Receiver) -> None:
    receiver.status = grpc.StatusCode.UNAUTHENTICATED
    tell(app, "refused")
    assert line_of(app).startswith(
        f"can't send telemetry to 127.0.0.1:{receiver.port}: UNAUTHENTICATED as the test wants it."
    )
    receiver.wait_for(lambda: receiver.refused_spans == 10, "the refusals")  # more than one batch, on a busy machine
    receiver.status = None
    tell(app, "accepted")
    receiver.wait_for(lambda: len(receiver.spans("accepted")) == 10, "the accepted spans")
    assert receiver.spans("refused") == []


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_items_that_an_answer_of_success_refuses_are_counted_and_told(programs: Programs, protocol: str) -> None:
    receiver = Receiver()
    receiver.rejects = True
    receiver = receiver.start() if protocol == "grpc" else receiver.start_http()
    result = programs.run(
        """
    import logging
    import otelgate
    otelgate.init()
    from opentelemetry import metrics, trace
    tracer = trace.get_tracer("app")
    for _ in range(3):
        with tracer.start_as_current_span("span"):
            logging.getLogger("app").error("x")
    metrics.get_meter("app").create_counter("app.orders").add(1)
    otelgate.flush()
    """,
        instrument=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_BSP_SCHEDULE_DELAY="600000",
        OTEL_BLRP_SCHEDULE_DELAY="600000",
        OTEL_METRIC_EXPORT_INTERVAL="600000",
    )
    receiver.stop()
    assert (result.status, len(receiver.spans()), len(receiver.logs("x"))) == (0, 3, 3)
    lines = [line for line in result.stderr.splitlines() if line.startswith("dropped")]
    assert [" so far: " in line for line in lines] == [True, False, False, False], (
        lines
    )  # once a minute, and at the end
    asked = Counter(type(request).__name__ for request in receiver.requests)  # logs twice: a line is sent, too
    for line, kind, path, item in zip(
        lines[1:],
        ("ExportTraceServiceRequest", "ExportLogsServiceRequest", "ExportMetricsServiceRequest"),
        ("/v1/traces", "/v1/logs", "/v1/metrics"),
        ("span", "log record", "data point"),
        strict=True,
    ):
        count = f"{asked[kind]} {item}{'' if asked[kind] == 1 else 's'}"
        assert line == f"dropped {count}: rejected by 127.0.0.1:{receiver.port} (as the test wants it of {path})"
    points = receiver.points("otelgate.sdk.dropped")
    assert {point.attributes["otelgate.signal"] for point in points} == {"traces", "logs", "metrics"}
    assert {point.attributes["error.type"] for point in points} == {"rejected"}


class Scripted:
    """An exporter that answers as told."""

    def __init__(self, largest: int = 10**9) -> None:
        self.largest = largest
        self.batches: list[list[int]] = []
        self.logger = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter")

    def export(self, batch: list[int]) -> object:
        if len(batch) > self.largest:
            self.logger.error("Failed to export, error code: StatusCode.RESOURCE_EXHAUSTED, error details: too large")
            return SpanExportResult.FAILURE
        self.batches.append(batch)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


@pytest.fixture
def reasons() -> Iterator[_health.ReasonFilter]:
    reasons = _health.ReasonFilter()
    logger = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter")
    logger.filters.insert(0, reasons)
    yield reasons
    logger.filters.remove(reasons)


def test_too_large_batch_is_halved(reasons: _health.ReasonFilter) -> None:
    exporter = Scripted(largest=3)
    link = _export.Link("traces", exporter, Scripted, _health.Health(), reasons, hold=True)
    assert link.send(list(range(10)))
    assert [number for batch in exporter.batches for number in batch] == list(range(10))
    assert max(len(batch) for batch in exporter.batches) <= 3


def test_one_item_that_is_too_large_is_given_up(reasons: _health.ReasonFilter) -> None:
    link = _export.Link("traces", Scripted(largest=0), Scripted, _health.Health(), reasons, hold=True)
    assert not link.send([1])
    assert link.failures == 1


class Late(Scripted):
    """An exporter whose first answers come too late."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late

    def export(self, batch: list[int]) -> object:
        if self.late == 0:
            return super().export(batch)
        self.late -= 1
        self.logger.error(
            "Failed to export, error code: StatusCode.DEADLINE_EXCEEDED, error details: Deadline Exceeded"
        )
        return SpanExportResult.FAILURE


def test_a_late_answer_at_the_end_is_waited_for(reasons: _health.ReasonFilter) -> None:
    exporter = Late(3)
    link = _export.Link("traces", exporter, Scripted, _health.Health(), reasons, hold=True)
    link.stop()
    assert link.send([1, 2])
    assert exporter.batches == [[1, 2]]


def test_health_reports_once_and_by_address(caplog: pytest.LogCaptureFixture) -> None:
    health = _health.Health()
    with caplog.at_level(logging.WARNING, "otelgate"):
        for signal in ("traces", "metrics", "logs", "traces"):
            health.failed("gateway:4317", signal, "why")
        health.failed("other:4317", "logs", "why not")
        health.succeeded("gateway:4317", "traces")
        assert health.any_down
        for signal in ("metrics", "logs"):
            health.succeeded("gateway:4317", signal)
        health.succeeded("gateway:4317", "traces")
    assert [record.getMessage() for record in caplog.records] == [
        f"can't send telemetry to gateway:4317: why. {GOES_ON}",
        f"can't send telemetry to other:4317: why not. {GOES_ON}",
        "telemetry goes to gateway:4317 again",
    ]


def test_flapping_gateway_does_not_flood_log(caplog: pytest.LogCaptureFixture) -> None:
    health = _health.Health()
    with caplog.at_level(logging.WARNING, "otelgate"):
        for _ in range(100):
            health.failed("gateway:4317", "traces", "why")
            health.succeeded("gateway:4317", "traces")
    assert len(caplog.records) == 2
