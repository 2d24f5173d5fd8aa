"""A range of time, and the steps into which Grafana divides it."""

import time
from dataclasses import dataclass
from typing import Final

SCRAPE_S: Final = 15
"""Prometheus' scrape interval, and the smallest step of a graph."""
POINTS: Final = 500
"""The maximum of points of a line, as `maxDataPoints` of the rendered panels."""
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Window:
    """The range of a dashboard, in Unix seconds."""

    start: float
    end: float

    @property
    def interval(self) -> int:
        """Grafana's `$__interval`, in seconds."""
        return max(SCRAPE_S, round((self.end - self.start) / POINTS))

    @property
    def rate_interval(self) -> int:
        """Grafana's `$__rate_interval`, in seconds: four scrapes at least."""
        return max(4 * SCRAPE_S, self.interval + SCRAPE_S)

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def duration(text: str) -> int:
    """The seconds of a duration such as 30s, 6h or 7d. Raises ValueError."""
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdigit() or unit not in _UNITS_S:
        raise ValueError(f"{text!r}: expected a number and a unit, such as 30m, 6h or 7d")
    return int(number) * _UNITS_S[unit]


def moment(text: str, now: float) -> float:
    """A moment as Grafana writes it in links: now, now-6h, or Unix milliseconds. In Unix seconds. Raises ValueError."""
    if text == "now":
        return now
    if text.startswith("now-"):
        return now - duration(text.removeprefix("now-"))
    if text.isascii() and text.isdigit() and len(text) <= 14:
        return int(text) / 1000
    raise ValueError(f"{text!r}: expected now, now-6h or Unix milliseconds")


def between(start: str, end: str, now: float | None = None) -> Window:
    """The range of two moments. Raises ValueError if it does not end after its start, or is longer than ten years."""
    now = time.time() if now is None else now
    window = Window(moment(start, now), moment(end, now))
    if not 0 < window.seconds <= 10 * 366 * 86400:
        raise ValueError(f"from {start!r} to {end!r}: expected a range that ends after its start, of 10 years at most")
    return window
