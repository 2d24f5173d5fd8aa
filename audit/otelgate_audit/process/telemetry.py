"""Telemetry of the sink and the keeper: metrics and log events by OTLP to the gateway, lines on stderr.

An unavailable gateway causes lines on stderr, at most one a minute, and nothing else.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, MeterProvider, NoOpMeterProvider, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from otelgate.names import METRIC_SESSION_ACTIVE, METRIC_USER_ACTIVE, METRIC_USER_COST_MAX, METRIC_USER_OVER_LIMIT

from ..kinds import masked
from ..settings import Settings

SCOPE: Final = "otelgate.audit"
KIND: Final = "otelgate.audit.kind"
INTERVAL_S: Final = 15

_LAST_S: Final = 1.5
_PACKAGE: Final = "otelgate_audit"
_WRITE_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_UNIT: Final = "{unit}"  # of the quantity that the label names
# name -> unit, description; read from the database (jobs/gauges.py)
_GAUGES: Final = {
    METRIC_SESSION_ACTIVE: ("{session}", "Sessions with a record in the last 5 minutes."),
    METRIC_USER_ACTIVE: ("{user}", "Users with a record in the window: 5m, 1h, 24h."),
    METRIC_USER_OVER_LIMIT: ("{user}", "Users with more turns in the last hour than the limit."),
    METRIC_USER_COST_MAX: ("{USD}", "Highest spend of one user since 00:00 UTC."),
    "otelgate.audit.reconciliation.missing": (
        _UNIT,
        "Counted by the gateway, but not stored: runs, model calls, or cost in USD.",
    ),
    "otelgate.audit.reconciliation.surplus": (
        _UNIT,
        "Stored, but not counted by the gateway: runs, model calls, or cost in USD.",
    ),
    "otelgate.audit.reconciliation.rejected": (_UNIT, "Rejected by the sink: runs, model calls, or cost in USD."),
}


class Meters:
    """The metrics of the sink and of the keeper. Without a provider nothing is measured."""

    def __init__(self, provider: MeterProvider | None = None) -> None:
        self._meter = (provider or NoOpMeterProvider()).get_meter(SCOPE)
        counter = self._meter.create_counter
        self._accepted = counter("otelgate.audit.accepted", "{record}", "Records received and decoded.")
        self._committed = counter(
            "otelgate.audit.committed", "{record}", "New records committed; resent ones are not counted."
        )
        self._rejected = counter("otelgate.audit.rejected", "{record}", "Records that could not be stored.")
        self._failures = counter("otelgate.audit.job.failures", "{run}", "Runs of a periodic job that failed.")
        self._write = self._meter.create_histogram(
            "otelgate.audit.write.duration",
            "s",
            "Duration of a transaction.",
            explicit_bucket_boundaries_advisory=_WRITE_SECONDS,
        )
        self._levels: dict[str, list[Observation]] = {}
        for name, (unit, description) in _GAUGES.items():
            self._meter.create_observable_gauge(name, [self._observed(name)], unit, description)

    def accepted(self, kind: str, number: int) -> None:
        """`kind` is the record's table (runs, model_calls, ...)."""
        if number:
            self._accepted.add(number, {KIND: kind})

    def committed(self, kind: str, number: int) -> None:
        """New records; a resent record is not counted."""
        if number:
            self._committed.add(number, {KIND: kind})

    def rejected(self, kind: str, number: int) -> None:
        """`kind` is the record's table, or its signal (traces, logs) if the table is unknown."""
        if number:
            self._rejected.add(number, {KIND: kind})

    def failed(self, job: str) -> None:
        """A periodic job ended with an error."""
        self._failures.add(1, {"otelgate.audit.job": job})

    def write(self, seconds: float) -> None:
        """The time of one transaction, from its first statement until COMMIT returned."""
        self._write.record(seconds)

    def queue_age(self, age_s: Callable[[], float]) -> None:
        """Call `age_s` at each collection: the seconds that the oldest waiting batch has waited."""
        self._meter.create_observable_gauge(
            "otelgate.audit.queue.age", [lambda _: [Observation(age_s())]], "s", "Age of the oldest waiting batch."
        )

    def ready(self, now: Callable[[], bool]) -> None:
        """Call `now` at each collection: whether the keeper can do its jobs."""
        self._meter.create_observable_gauge(
            "otelgate.audit.keeper.ready",
            [lambda _: [Observation(int(now()))]],
            "{keeper}",
            "1 while the keeper can do its jobs.",
        )

    def levels(self, name: str, values: Iterable[tuple[Mapping[str, str], float]]) -> None:
        """Set a gauge of this table: from now on exactly these series, each with its attributes."""
        if name not in _GAUGES:
            raise ValueError(f"gauge {name!r}: expected one of {', '.join(_GAUGES)}")
        self._levels[name] = [Observation(value, dict(attributes)) for attributes, value in values]

    def clear(self) -> None:
        """Remove every gauge of this table: this process no longer updates them, or another keeper does."""
        self._levels.clear()

    def _observed(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: self._levels.get(name, [])


class Telemetry:
    """The providers of one process. `readers` and `exporter` replace OTLP in tests."""

    def __init__(
        self,
        settings: Settings,
        service: str = "otelgate-audit",
        port: int | None = None,
        readers: list[MetricReader] | None = None,
        exporter: LogRecordExporter | None = None,
    ) -> None:
        # Two sinks on one machine have two ports; without unique ids their counters would be one series.
        instance = f"{socket.gethostname()}:{port or settings.audit_port}"
        resource = Resource.create({"service.name": service, "service.instance.id": instance})
        if readers is None:
            metrics = OTLPMetricExporter(endpoint=settings.otlp_endpoint, timeout=5)
            readers = [PeriodicExportingMetricReader(metrics, INTERVAL_S * 1000, 5_000)]
        if exporter is None:
            exporter = OTLPLogExporter(endpoint=settings.otlp_endpoint, timeout=5)
        self._metrics = SdkMeterProvider(readers, resource, shutdown_on_exit=False)
        self._logs = LoggerProvider(resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(exporter, 1_000, export_timeout_millis=5_000))
        self.meters = Meters(self._metrics)

    def event(self, name: str, attributes: Mapping[str, str | int | float | bool]) -> None:
        """Send a log event through the gateway; returns immediately, never raises if the gateway is unavailable."""
        self._logs.get_logger(SCOPE).emit(
            timestamp=time.time_ns(),
            severity_number=SeverityNumber.INFO,
            event_name=name,
            attributes=dict(attributes),
        )

    def shutdown(self) -> None:
        """Send the queued telemetry, for a few seconds at most: don't wait for an unavailable gateway."""
        last = [threading.Thread(target=each.shutdown, daemon=True) for each in (self._metrics, self._logs)]
        for thread in last:
            thread.start()
        for thread in last:
            thread.join(_LAST_S)


class _Sparse(logging.Filter):
    """Passes one of the exporters' lines a minute: an unavailable gateway would cause several every 15 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._next = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("opentelemetry"):
            return True
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + 60
        return True


def log_to_stderr(level: int = logging.INFO) -> None:
    """Plain lines on stderr, for the whole process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_Sparse())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Its INFO lines report every migration step and every schema comparison.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def brief(error: BaseException) -> str:
    """An error for the log: its type and the line of our code; the text only for our own errors, since other texts may
    quote message content."""
    if type(error).__module__.partition(".")[0] == _PACKAGE:
        return f"{type(error).__name__}: {masked(str(error))}"
    name = f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".rstrip()
    ours = [each for each in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(each.filename).parts]
    return f"{name} at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else name
