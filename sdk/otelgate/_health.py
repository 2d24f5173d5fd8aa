"""One line when the gateway can't be reached, one when it is back; upstream's own floods are kept quiet."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from typing import NamedTuple

from . import names
from ._drops import QUEUE_FULL, Drops

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


def brief(text: str) -> str:
    """The first line of what a receiver said, without a password, at a length for a log."""
    return _PASSWORD.sub("", text.partition("\n")[0])[:_REASON_LENGTH]


class Health:
    """The known state of the connection to each gateway, by address."""

    def __init__(self) -> None:
        self.drops = Drops()
        self.answered_at = -math.inf
        """When a gateway last took something, on the monotonic clock, in seconds."""
        self._lock = threading.RLock()  # re-entered by a signal handler that flushes
        self._failing: dict[str, set[str]] = {}
        self._announced: set[str] = set()
        self._reported: dict[str, float] = {}

    def renew(self) -> None:
        """In a fork's child, where the parent's other threads can't release the lock any more."""
        self._lock = threading.RLock()
        self.drops.renew()

    @property
    def any_down(self) -> bool:
        return any(self._failing.values())

    def failed(self, address: str, signal: str, reason: str, *, final: bool = False) -> None:
        """Say once that an address can't be reached, or that it refuses what is sent (`final`)."""
        with self._lock:
            self._failing.setdefault(address, set()).add(signal)
            now = time.monotonic()
            if address in self._announced or now - self._reported.get(address, -QUIET_S) < QUIET_S:
                return
            self._announced.add(address)
            self._reported[address] = now
        logger.warning(
            "can't send telemetry to %s: %s. The application goes on; %s",
            address,
            reason,
            "what is refused is dropped" if final else "up to a full queue is kept until it is back",
        )

    def succeeded(self, address: str, signal: str) -> None:
        self.answered_at = time.monotonic()
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
    reset: bool = False  # the connection was cut, which some servers do to what is too large

    @property
    def is_late(self) -> bool:
        """Whether the answer did not come in time, so that the gateway may be there, and busy."""
        return self.reason.startswith("DEADLINE_EXCEEDED") or "Timeout" in self.reason or "timed out" in self.reason


class ReasonFilter(logging.Filter):
    """Keeps upstream's reports of failed exports off the log, and remembers why the export failed."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage().partition("\n")[0]
        self._local.reason = brief(self._reason(record, text))
        self._local.final = _FINAL_ANSWER.search(text) is not None or any(code in text for code in _FINAL_CODES)
        self._local.too_large = any(size.search(text) for size in _TOO_LARGE)
        self._local.reset = getattr(self._local, "reset", False) or _RESET.search(text) is not None
        return False

    def _reason(self, record: logging.LogRecord, text: str) -> str:
        if "code: StatusCode." in text:
            code = text.partition("code: StatusCode.")[2].partition(",")[0]
            return f"{code} {text.partition('error details: ')[2]}".strip()
        if _NO_ANSWER in text:
            return text.partition(_NO_ANSWER)[2]
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
            local.get("reason", "the export failed"),
            local.get("final", False),
            local.get("too_large", False),
            local.get("reset", False),
        )
        local.clear()
        return failure


# Upstream says so of an HTTP answer that isn't worth retrying, and, before 1.45, also where no answer came in time.
_FINAL_ANSWER = re.compile(r"batch code: \d")
_NO_ANSWER = "batch code: None, reason: "

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


# A quota is RESOURCE_EXHAUSTED as well, but smaller requests don't help there. Older Collectors answered 400.
_TOO_LARGE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"batch code: 413\b",
        r"StatusCode\.RESOURCE_EXHAUSTED.*(larger than max|too large|exceeds?\b.*\bsize|message size)",
        r"batch code: 400\b.*too large",
        r"exceeds max_request_size",
    )
)
_RESET = re.compile(r"Connection aborted|reset by peer|Broken pipe", re.IGNORECASE)


class _QueueFilter(logging.Filter):
    """Upstream says that a queue is full, once and not how often: each item that it drops is counted here."""

    def __init__(self, health: Health) -> None:
        super().__init__()
        self._health = health

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith("Queue full"):
            return True
        self._health.drops.add("logs" if record.args == ("Log",) else "traces", 1, QUEUE_FULL)
        return False


def install(health: Health, reasons: ReasonFilter) -> None:
    """Quiet upstream's loggers. Ours come first: their own filters hide repetitions, whose reason we want."""
    for name in _EXPORT_LOGGERS:
        logging.getLogger(name).filters.insert(0, reasons)
    logging.getLogger(_QUEUE_LOGGER).filters.insert(0, _QueueFilter(health))
