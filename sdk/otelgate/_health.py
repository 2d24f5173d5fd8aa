"""One line when the gateway can't be reached, one when it is back; upstream's own floods are kept quiet."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import NamedTuple

from . import names

logger = logging.getLogger(names.SCOPE)

QUIET_S = 10.0
"""A gateway that comes and goes is reported at most this often, in seconds."""

_EXPORT_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.common.http",
)
_QUEUE_LOGGER = "opentelemetry.sdk._shared_internal"
_REASON_LENGTH = 200
_PASSWORD = re.compile(r"[^\s/:@]+:[^\s/@]+@")


class Health:
    """What is known about the way to each gateway, by address."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entered by a signal handler that flushes
        self._failing: dict[str, set[str]] = {}
        self._announced: set[str] = set()
        self._reported: dict[str, float] = {}

    def renew_lock(self) -> None:
        """In a fork's child, where the parent's other threads can't release it any more."""
        self._lock = threading.RLock()

    @property
    def any_down(self) -> bool:
        return any(self._failing.values())

    def failed(self, address: str, signal: str, reason: str) -> None:
        with self._lock:
            self._failing.setdefault(address, set()).add(signal)
            now = time.monotonic()
            if address in self._announced or now - self._reported.get(address, -QUIET_S) < QUIET_S:
                return
            self._announced.add(address)
            self._reported[address] = now
        logger.warning(
            "can't send telemetry to %s: %s. The application goes on; up to a full queue is kept until it is back",
            address,
            reason,
        )

    def succeeded(self, address: str, signal: str) -> None:
        failing = self._failing.get(address)
        if not failing:
            return
        with self._lock:
            failing.discard(signal)
            if failing or address not in self._announced:
                return
            self._announced.discard(address)
        logger.warning("telemetry goes to %s again", address)


class Failure(NamedTuple):
    """One failed export."""

    reason: str
    final: bool  # trying again is pointless
    too_large: bool  # the receiver takes no request of that size


class ReasonFilter(logging.Filter):
    """Keeps upstream's reports of failed exports off the log, and remembers why the export failed."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage().partition("\n")[0]
        self._local.reason = _PASSWORD.sub("", self._reason(record, text))[:_REASON_LENGTH]
        # Upstream says "batch code: …" of an HTTP answer that isn't worth retrying.
        self._local.final = "batch code: " in text or any(code in text for code in _FINAL_CODES)
        self._local.too_large = "StatusCode.RESOURCE_EXHAUSTED" in text or "batch code: 413" in text
        return False

    def _reason(self, record: logging.LogRecord, text: str) -> str:
        if "code: StatusCode." in text:
            code = text.partition("code: StatusCode.")[2].partition(",")[0]
            return f"{code} {text.partition('error details: ')[2]}".strip()
        if text.startswith("Transient error") and isinstance(record.args, tuple):
            cause = record.args[0]
            return type(cause).__name__ if isinstance(cause, Exception) else str(cause)
        # At its last attempt HTTP says only that it was the last.
        last = "max retries or shutdown" in text
        return str(getattr(self._local, "reason", "no answer in time")) if last else text

    def take(self) -> Failure:
        """Why this thread's export failed."""
        local = self._local.__dict__
        failure = Failure(
            local.get("reason", "the export failed"), local.get("final", False), local.get("too_large", False)
        )
        local.clear()
        return failure


_FINAL_CODES = tuple(
    f"StatusCode.{code}"
    for code in (
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "INVALID_ARGUMENT",
        "UNIMPLEMENTED",
        "NOT_FOUND",
        "INTERNAL",
        "FAILED_PRECONDITION",
        "UNKNOWN",
    )
)


class _QueueFilter(logging.Filter):
    """A full queue is part of what was said when the gateway went away."""

    def __init__(self, health: Health) -> None:
        super().__init__()
        self._health = health

    def filter(self, record: logging.LogRecord) -> bool:
        return not (self._health.any_down and str(record.msg).startswith("Queue full"))


def install(health: Health, reasons: ReasonFilter) -> None:
    """Quiet upstream's loggers. Ours come first: their own filters hide repetitions, whose reason we want."""
    for name in _EXPORT_LOGGERS:
        logging.getLogger(name).filters.insert(0, reasons)
    logging.getLogger(_QUEUE_LOGGER).filters.insert(0, _QueueFilter(health))
