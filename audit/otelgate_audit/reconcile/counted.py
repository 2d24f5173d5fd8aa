"""The gateway's counts: raw samples of a quantity's counter from Prometheus' HTTP API, in its units.

`increase()` is not suitable: it extrapolates. So the raw samples are read, and added up with counter resets (a
restarted gateway) as in Prometheus' own functions: a value below the previous one started at zero.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ..model.records import UNKNOWN_SERVICE
from ..process.stores import Store
from .quantities import Quantity

LIVE_MS: Final = 60_000
"""A longer time between two samples means missing samples: the gateway writes every live series each 15 s."""

_TIMEOUT_S: Final = 30
_LOOK_BACK: Final = "1d"


class PrometheusError(RuntimeError):
    """Prometheus did not answer; the text names its URL and the reason."""


@dataclass
class Series:
    """The counts of one series since some time: times in ms since 1970, ascending, and the total at each."""

    times: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """From a sample until just before the next, if it counted in between at an unknown time."""

    def at(self, time_ms: int) -> int:
        found = bisect_right(self.times, time_ms)
        return self.totals[found - 1] if found else 0


@dataclass
class Counts:
    """A service's series."""

    series: list[Series] = field(default_factory=list)

    def at(self, time_ms: int) -> int:
        """The known count by then, since the first sample read."""
        return sum(each.at(time_ms) for each in self.series)

    def times(self, after_ms: int, until_ms: int) -> set[int]:
        """The times of samples, after_ms < time <= until_ms."""
        return {
            time
            for each in self.series
            for time in each.times[bisect_right(each.times, after_ms) : bisect_right(each.times, until_ms)]
        }

    def unsure(self, time_ms: int) -> bool:
        """Whether it counted around then at an unknown time: Prometheus was unavailable."""
        return any(start <= time_ms < end for each in self.series for start, end in each.gaps)


def read(store: Store, quantity: Quantity, start_ms: int, end_ms: int) -> dict[str, Counts]:
    """The counts of each service, start_ms < time <= end_ms. Raises PrometheusError."""
    found: dict[str, Counts] = {}
    earlier: dict[str, int] | None = None
    for labels, samples in _query(store, f"{quantity.metric}[{end_ms - start_ms}ms]", end_ms, quantity.scale):
        if "otel_metric_overflow" in labels:
            continue  # more series than the gateway's limit: their services are unknown
        before = None
        if samples[0][1] and samples[0][0] > start_ms + LIVE_MS:
            # It begins late, without the zero that the gateway writes first: earlier samples are missing.
            if earlier is None:
                earlier = _last(store, quantity, start_ms)
            before = earlier.get(_key(labels), 0)
        counts = found.setdefault(labels.get("service_name", UNKNOWN_SERVICE), Counts())
        counts.series.append(_series(samples, before, start_ms))
    return found


def _series(samples: list[tuple[int, int]], before: int | None, start_ms: int) -> Series:
    """`before` is the value at `start_ms`; None: the first sample's."""
    series, total, last = Series(), 0, samples[0][1] if before is None else before
    previous = samples[0][0] if before is None else start_ms
    for time, value in samples:
        step = value - last if value >= last else value
        if step and time - previous > LIVE_MS:
            series.gaps.append((previous, time))
        total, last, previous = total + step, value, time
        series.times.append(time)
        series.totals.append(total)
    return series


def _last(store: Store, quantity: Quantity, time_ms: int) -> dict[str, int]:
    """The last value of each series within the day before."""
    rows = _query(store, f"last_over_time({quantity.metric}[{_LOOK_BACK}])", time_ms, quantity.scale)
    return {_key(labels): samples[0][1] for labels, samples in rows}


def _key(labels: dict[str, str]) -> str:
    return json.dumps({name: value for name, value in labels.items() if name != "__name__"}, sort_keys=True)


def _query(
    store: Store, query: str, time_ms: int, scale: int
) -> Iterable[tuple[dict[str, str], list[tuple[int, int]]]]:
    """Labels and samples (ms, units) of each series."""
    parameters = urllib.parse.urlencode({"query": query, "time": f"{time_ms / 1000:.3f}"})
    url = store.url
    try:
        with store.opener.open(f"{url}/api/v1/query?{parameters}", timeout=_TIMEOUT_S) as answer:
            result = json.load(answer)["data"]["result"]
            return [(each["metric"], _samples(each, scale)) for each in result]
    except urllib.error.HTTPError as error:
        reason = f"HTTP {error.code} {error.read(200).decode(errors='replace')}".strip()
    except urllib.error.URLError as error:
        reason = str(error.reason)
    except OSError as error:
        reason = str(error) or type(error).__name__
    except (ValueError, TypeError, LookupError):
        reason = "its answer is not understood"
    raise PrometheusError(
        f"OTELGATE_PROMETHEUS_URL='{url}': {reason}; expected Prometheus' answer to /api/v1/query, nothing was compared"
    )


def _samples(series: dict[str, Any], scale: int) -> list[tuple[int, int]]:
    pairs = series["values"] if "values" in series else [series["value"]]
    return [(round(float(time) * 1000), round(float(value) * scale)) for time, value in pairs]
