"""Exporters around upstream's exporters: one per signal, all on the same link.

A link survives forks (grpcio and HTTP connections don't: a child makes its own), keeps a batch while the gateway is
away instead of dropping it, and knows when to give up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlparse

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from . import _guard
from ._health import Failure, Health, ReasonFilter

_RETRY_S = (1.0, 2.0, 5.0)
_BEFORE_FORK_S = 0.1
_OTLP = "opentelemetry.exporter.otlp."
_GRPC = "opentelemetry.exporter.otlp.proto.grpc."


def is_otlp(kind: type) -> bool:
    """Whether an exporter class is one of OpenTelemetry's OTLP exporters."""
    return kind.__module__.startswith(_OTLP)


def _address(exporter: object) -> str:
    endpoint = str(getattr(exporter, "_endpoint", "") or type(exporter).__name__)
    # Upstream's gRPC exporters keep "host:port", the HTTP ones a URL. Either may hold a password.
    return (urlparse(endpoint).netloc or endpoint).rpartition("@")[2]


class Link:
    """The way of one signal to one exporter.

    Args:
        signal: traces, metrics or logs.
        exporter: upstream's exporter.
        make: makes another one like it, for a fork's child.
        hold: keep trying a batch that could not be delivered; for metrics the next export makes up for a lost one.
    """

    def __init__(
        self,
        signal: str,
        exporter: Any,
        make: Callable[[], Any],
        health: Health,
        reasons: ReasonFilter,
        *,
        hold: bool,
    ) -> None:
        self.signal = signal
        self.address = _address(exporter)
        self.failures = 0
        self._exporter = exporter
        self._make = make
        self._health = health
        self._reasons = reasons
        self._hold = hold
        self._abandoned: list[Any] = []
        self._closed = False
        self._gave_up = False
        self._stopping = threading.Event()
        self._is_grpc = type(exporter).__module__.startswith(_GRPC)
        self._sending = threading.Lock()
        self._held = False

    def before_fork(self) -> None:
        """Have no thread inside gRPC, whose locks a child would inherit locked; after a moment, interrupt it."""
        if not self._is_grpc:
            return
        self._held = self._sending.acquire(timeout=_BEFORE_FORK_S)
        if not self._held:
            interrupted, self._exporter = self._exporter, None
            if interrupted is not None:
                interrupted.shutdown()
            self._held = self._sending.acquire(timeout=_BEFORE_FORK_S)

    def after_fork(self) -> None:
        """In the parent: go on."""
        if self._held:
            self._held = False
            self._sending.release()

    def renew(self) -> None:
        """In a fork's child: leave the parent's exporter alone and use one of our own."""
        self._stopping = threading.Event()
        self._sending = threading.Lock()
        self._gave_up = self._held = False
        if self._exporter is not None and is_otlp(type(self._exporter)):
            # Kept, because even its destructor would touch the parent's connection.
            self._abandoned.append(self._exporter)
            self._exporter = None

    def stop(self) -> None:
        """Wait for nothing any more: what fails once from here on is given up."""
        self._stopping.set()

    def close(self, *, in_time: bool = True) -> None:
        """Send nothing any more, and end what is under way, which is reported when it was not `in_time`."""
        self.stop()
        if not in_time:
            self._failed(Failure("no answer within the time that a process has to end", True, False))
        if not self._closed:
            self._closed = True
            if self._exporter is not None:
                self._exporter.shutdown()

    def send(self, batch: Any) -> bool:
        """Deliver a batch. Blocks while the gateway is away, unless stopped. Returns whether it was delivered."""
        attempt = 0
        while not (self._closed or (self._gave_up and self._stopping.is_set())):
            with self._sending:
                exporter = self._exporter = self._exporter or self._make()
                delivered = self._try(exporter, batch)
            if delivered:
                return True
            failure = self._reasons.take()
            if exporter is not self._exporter:  # interrupted by a fork
                continue
            last = self._stopping.is_set()
            if failure.too_large and isinstance(batch, Sequence) and len(batch) > 1:
                half = len(batch) // 2
                return all([self.send(batch[:half]), self.send(batch[half:])])
            self._failed(failure)
            if last or failure.final or failure.too_large or not self._hold:
                self._gave_up = last
                break
            self._stopping.wait(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1
        self.failures += 1
        return False

    def _try(self, exporter: Any, batch: Any) -> bool:
        try:
            delivered: bool = exporter.export(batch).name == "SUCCESS"
        except Exception:
            if not self._closed:
                _guard.report(f"exporting {self.signal}")
            return False
        if delivered:
            self._health.succeeded(self.address, self.signal)
        return delivered

    def _failed(self, failure: Failure) -> None:
        if not self._closed:
            self._health.failed(self.address, self.signal, failure.reason)


class Spans(SpanExporter):
    """Spans onto a link."""

    def __init__(self, link: Link, scrub: Callable[[Sequence[ReadableSpan]], Sequence[ReadableSpan]] | None) -> None:
        self._link = link
        self._scrub = scrub

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        batch = self._scrub(spans) if self._scrub else spans
        return SpanExportResult.SUCCESS if self._link.send(batch) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._link.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class Logs(LogRecordExporter):
    """Log records onto a link."""

    def __init__(
        self, link: Link, scrub: Callable[[Sequence[ReadableLogRecord]], Sequence[ReadableLogRecord]] | None
    ) -> None:
        self._link = link
        self._scrub = scrub

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        records = self._scrub(batch) if self._scrub else batch
        return LogRecordExportResult.SUCCESS if self._link.send(records) else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        self._link.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class Metrics(MetricExporter):
    """Metrics onto a link."""

    def __init__(self, link: Link, exporter: MetricExporter) -> None:
        super().__init__(
            preferred_temporality=exporter._preferred_temporality,
            preferred_aggregation=exporter._preferred_aggregation,
        )
        self._link = link

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        return MetricExportResult.SUCCESS if self._link.send(metrics_data) else MetricExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        self._link.close()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True
