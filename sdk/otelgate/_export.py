"""Exporters around upstream's exporters: one per signal, all on the same link.

A link survives forks (grpcio and HTTP connections don't: a child makes its own), keeps a batch while the gateway is
away instead of dropping it, and knows when to give up.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlparse

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from . import _answers, _guard
from . import _drops as drops
from ._health import Failure, Health, ReasonFilter, brief

_RETRY_S = (1.0, 2.0, 5.0)
_MAX_RESETS = 5
"""As often a connection is cut until a single item counts as too large."""
_BEFORE_FORK_S = 0.1
_BETWEEN_BATCHES_MS = 100
_ENDED = "the process ended before they could be delivered"
_OTLP = "opentelemetry.exporter.otlp."
_GRPC = "opentelemetry.exporter.otlp.proto.grpc."


def is_otlp(kind: type) -> bool:
    """Whether an exporter class is one of OpenTelemetry's OTLP exporters."""
    return kind.__module__.startswith(_OTLP)


def _without_retry_of_exhausted(exporter: Any) -> Any:
    """Leave RESOURCE_EXHAUSTED to the link: upstream's gRPC exporters send what is too large again, unchanged."""
    codes = getattr(exporter, "_retryable_error_codes", None)
    if isinstance(codes, frozenset) and not os.environ.get("OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES"):
        exporter._retryable_error_codes = frozenset(code for code in codes if code.name != "RESOURCE_EXHAUSTED")
    return exporter


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
        self._health = health
        self._exporter = self._own(exporter)
        self._make = make
        self._reasons = reasons
        self._hold = hold
        self._abandoned: list[Any] = []
        self._closed = False
        self._gave_up = False
        self._stopping = threading.Event()
        self._is_grpc = type(exporter).__module__.startswith(_GRPC)
        self._sending = threading.Lock()
        self._held = False
        self._in_flight = 0
        self._counting = threading.RLock()
        self.waiting: Callable[[], int] = lambda: 0
        """How many items the queue before this link holds."""

    def _own(self, exporter: Any) -> Any:
        return _answers.listen(_without_retry_of_exhausted(exporter), self.signal, self._rejected)

    def _rejected(self, count: int, words: str) -> None:
        self._drop(count, drops.REJECTED, f"rejected by {self.address} ({brief(words)})")

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
        self._in_flight = 0
        self._counting = threading.RLock()
        if self._exporter is not None and is_otlp(type(self._exporter)):
            # Kept, because even its destructor would touch the parent's connection.
            self._abandoned.append(self._exporter)
            self._exporter = None

    def stop(self) -> None:
        """Wait for nothing any more: what can't be sent from here on is given up, unless the gateway is only late."""
        self._stopping.set()

    def close(self, *, in_time: bool = True) -> None:
        """Send nothing any more; what is under way is reported when it was not `in_time`."""
        self.stop()
        if self._closed:
            return
        if not in_time:
            self._failed(Failure("no answer within the time that a process has to end", False, False))
            for _ in range(_BETWEEN_BATCHES_MS):  # a batch that has left the queue is in flight in a moment
                if self._in_flight:
                    break
                time.sleep(0.001)
        with self._counting:
            if not in_time:
                self._drop(self._in_flight + self.waiting(), drops.ENDED)
            self._closed = True

    def disconnect(self) -> None:
        """End what is under way, once. This is upstream's code and gRPC's, which may hang."""
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.shutdown()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent and nothing is being sent."""
        return not (self._in_flight or self.waiting())

    def send(self, batch: Any) -> bool:
        """Deliver a batch; False if it failed. Blocks while the gateway is unavailable, unless stopped."""
        self._in_flight = _size(batch)
        try:
            return self._deliver(batch)
        finally:
            self._in_flight = 0
            if not self._stopping.is_set():  # at the end all drops are reported together
                self._health.drops.tell()

    def _deliver(self, batch: Any) -> bool:
        attempt = resets = 0
        while not (self._closed or (self._gave_up and self._stopping.is_set())):
            with self._sending:
                exporter = self._exporter = self._exporter or self._own(self._make())
                delivered = self._try(exporter, batch)
            if delivered:
                self._in_flight -= _size(batch)
                return True
            failure = self._reasons.take()
            if exporter is not self._exporter:  # interrupted by a fork
                continue
            last = self._stopping.is_set()
            resets = resets + 1 if failure.reset else 0
            if failure.too_large or resets > 1:
                if isinstance(batch, Sequence) and len(batch) > 1:
                    half = len(batch) // 2
                    return all([self._deliver(batch[:half]), self._deliver(batch[half:])])
                if failure.too_large or resets > _MAX_RESETS:
                    return self._give_up(batch, drops.TOO_LARGE, f"too large for {self.address} ({failure.reason})")
            self._failed(failure)
            if failure.final:
                return self._give_up(batch, drops.REFUSED, f"refused by {self.address} ({failure.reason})")
            if last:
                self._gave_up = not failure.is_late  # until the link is closed
            elif not self._hold:
                self.failures += 1
                return False
            else:
                self._stopping.wait(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
        return self._give_up(batch, drops.ENDED)

    def _give_up(self, batch: Any, reason: str, detail: str = _ENDED) -> bool:
        self.failures += 1
        with self._counting:
            self._drop(_size(batch), reason, detail)
            self._in_flight -= _size(batch)
        return False

    def _drop(self, count: int, reason: str, detail: str = _ENDED) -> None:
        if not self._closed:  # what is left then has been counted
            self._health.drops.add(self.signal, count, reason, detail)

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
            self._health.failed(self.address, self.signal, failure.reason, final=failure.final)


def _size(batch: Any) -> int:
    return len(batch) if isinstance(batch, Sequence) else 1


class Spans(SpanExporter):
    """Spans onto a link."""

    def __init__(self, link: Link, scrub: Callable[[Sequence[ReadableSpan]], Sequence[ReadableSpan]]) -> None:
        self._link = link
        self._scrub = scrub

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self._link.send(self._scrub(spans)) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._link.close(in_time=self._link.idle)  # upstream ends it after 30 s, ready or not
        self._link.disconnect()

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
        self._link.close(in_time=self._link.idle)  # upstream ends it after 30 s, ready or not
        self._link.disconnect()

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
        self._link.disconnect()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True
