"""Counts of telemetry dropped before it left the process, by reason: logged at intervals, and sent as a metric."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from . import names

logger = logging.getLogger(names.SCOPE)

QUIET_S = 60.0
"""The interval of reports while drops continue, in seconds; a last report follows at the end of the process."""

QUEUE_FULL = "queue_full"
TOO_LARGE = "too_large"
REFUSED = "refused"
REJECTED = "rejected"
"""Some items of a request, of which the receiver took the others."""
ENDED = "ended"

_ITEMS = {"traces": "span", "logs": "log record", "metrics": "metric export"}
_REJECTED_ITEMS = {**_ITEMS, "metrics": "data point"}
_QUEUE_SIZES = ("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_QUEUE_SIZE")


class Drops:
    """Counts by signal and reason."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Start from zero: at first, and in a fork's child."""
        self._lock = threading.RLock()  # re-entered by a signal handler
        self._counts: dict[tuple[str, str], int] = {}
        self._details: dict[tuple[str, str], str] = {}
        self._changed: set[str] = set()
        self._told: dict[str, float] = {}

    def add(self, signal: str, count: int, reason: str, detail: str = "") -> None:
        """Count items of a signal. `detail` says where and why, where the reason alone doesn't."""
        if count <= 0:
            return
        with self._lock:
            key = (signal, reason)
            self._counts[key] = self._counts.get(key, 0) + count
            self._details[key] = detail
            self._changed.add(reason)

    def tell(self, *, at_end: bool = False) -> None:
        """Log what was dropped since the last time, one line for each reason and detail."""
        if not self._changed:
            return
        now = time.monotonic()
        with self._lock:
            due = [r for r in sorted(self._changed) if at_end or now - self._told.get(r, -QUIET_S) >= QUIET_S]
            lines = [line for reason in due for line in self._lines(reason)]
            self._changed.difference_update(due)
            self._told.update(dict.fromkeys(due, now))
        for counted, why in lines:
            logger.warning("dropped %s%s: %s", counted, "" if at_end else " so far", why)

    def _lines(self, reason: str) -> list[tuple[str, str]]:
        counted: dict[str, list[str]] = {}
        for signal, item in (_REJECTED_ITEMS if reason == REJECTED else _ITEMS).items():
            if count := self._counts.get((signal, reason), 0):
                counted.setdefault(self._describe(signal, reason), []).append(
                    f"{count} {item}{'' if count == 1 else 's'}"
                )
        return [(" and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))), why) for why, parts in counted.items()]

    def _describe(self, signal: str, reason: str) -> str:
        if reason == QUEUE_FULL:
            sizes = ", ".join(f"{name}={os.environ.get(name, '')}" for name in _QUEUE_SIZES)
            return f"the queue was full ({sizes})"
        return self._details[signal, reason]

    def observe(self, options: CallbackOptions) -> Iterable[Observation]:
        """The counts, for an observable counter."""
        with self._lock:
            counts = dict(self._counts)
        for (signal, reason), count in counts.items():
            yield Observation(count, {names.OTELGATE_SIGNAL: signal, names.ERROR_TYPE: reason})
