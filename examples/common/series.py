"""Values over time: each series on a grid, as a counter that the gateway writes while something adds to it.

Old points lie far apart, young ones close together: 5 minutes, a minute in the last six hours, 15 s in the last one.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .derived import Observation
from .story import Point

ENDS_AFTER_S = 3600.0
"""A series that nothing adds to ends after this long, as in the gateway; it begins again with 0."""
_STEPS = ((6 * 3600.0, 300), (3600.0, 60), (0.0, 15))
"""(how long before the end, seconds between points)"""
_SCOPE = ("otel_scope_name", "otelgate/derive")
_UNITS = {"s": "seconds", "By": "bytes", "%": "percent", "{token}/s": "per_second"}


class Series(NamedTuple):
    """Times and values of one series, ascending; a gauge's value holds until the next one."""

    labels: tuple[tuple[str, str], ...]
    """With `__name__`, sorted."""
    times: list[float]
    values: list[float]
    counts: bool


def grid(start: float, end: float) -> list[int]:
    """Seconds, ascending, from `start` to `end`; the last one is at or after the end."""
    points: list[int] = []
    at = int(start)
    for before_end, step in _STEPS:
        at -= at % step
        while at < end - before_end:
            points.append(at)
            at += step
    return [*points, at]


def counted(observations: Iterable[Observation], instance: str) -> Iterator[Series]:
    """The series of derived metrics: counters, and of a histogram its buckets, sum and count."""
    groups: dict[tuple[str, str, tuple[tuple[str, str], ...], tuple[float, ...] | None], list[tuple[float, float]]]
    groups = defaultdict(list)
    for seen in observations:
        groups[seen.metric, seen.unit, seen.labels, seen.bounds].append((seen.at, seen.value))
    for (metric, unit, labels, bounds), seen_values in groups.items():
        own = {_word(name): value for name, value in labels} | {"instance": instance, _SCOPE[0]: _SCOPE[1]}
        yield from _cumulated(metric, unit, own, bounds, seen_values)


def measured(points: Iterable[Point], resource: dict[str, str], instance: str) -> Iterator[Series]:
    """The series of an application's own metrics."""
    own = {_word(name): value for name, value in resource.items()}
    own |= {"instance": instance, "job": resource["service.name"]}
    groups: dict[tuple[str, str, str, tuple[tuple[str, str], ...], tuple[float, ...]], list[tuple[float, float]]]
    groups = defaultdict(list)
    for point in points:
        labels = tuple(sorted((_word(name), value) for name, value in point.attributes.items()))
        groups[point.metric, point.unit, point.kind, labels, point.bounds].append((point.at, point.value))
    for (metric, unit, kind, labels, bounds), seen in groups.items():
        if kind == "gauge":
            seen.sort()
            suffix = "_ratio" if unit == "1" else ""
            name = _name(metric, unit) + suffix
            yield Series(_labels(name, own | dict(labels)), [at for at, _ in seen], [value for _, value in seen], False)
        else:
            yield from _cumulated(metric, unit, own | dict(labels), bounds if kind == "histogram" else None, seen)


def on_grid(series: Series, points: list[int]) -> Iterator[tuple[int, float]]:
    """The points of the grid where the series has a value, and the value there.

    One point before a counter begins, and before it begins again, it is 0: else that first step would be no increase.
    `points` are the whole grid, from before the first time to after the last.
    """
    times, done, before, value = series.times, 0, -1, 0.0
    while done < len(times):
        first = bisect.bisect_left(points, times[done])
        if series.counts and before < first - 1:
            yield points[first - 1], 0.0 if _ended(times, done) else value
        done = bisect.bisect_right(times, points[first], done)
        value = series.values[done - 1]
        following = bisect.bisect_left(points, times[done]) if done < len(times) else len(points)
        if series.counts and done < len(times) and _ended(times, done):
            following -= 1  # which is where it begins again
        last = min(following, bisect.bisect_right(points, times[done - 1] + ENDS_AFTER_S))
        for index in range(first, last):
            yield points[index], value
        before = max(first, last) - 1


def _cumulated(
    metric: str, unit: str, own: dict[str, str], bounds: tuple[float, ...] | None, seen: list[tuple[float, float]]
) -> Iterator[Series]:
    seen.sort()
    times, values = [at for at, _ in seen], [value for _, value in seen]
    name = _name(metric, unit)
    if bounds is None:
        yield Series(_labels(f"{name}_total", own), times, _running(times, values), True)
        return
    yield Series(_labels(f"{name}_sum", own), times, _running(times, values), True)
    yield Series(_labels(f"{name}_count", own), times, _running(times, [1.0] * len(values)), True)
    for bound in (*bounds, float("inf")):
        inside = _running(times, [float(value <= bound) for value in values])
        yield Series(_labels(f"{name}_bucket", own | {"le": _number(bound)}), times, inside, True)


def _running(times: list[float], values: list[float]) -> list[float]:
    total, sums = 0.0, []
    for number, value in enumerate(values):
        total = value if _ended(times, number) else total + value
        sums.append(total)
    return sums


def _ended(times: list[float], number: int) -> bool:
    """Whether nothing had been added for so long before this time that the series ended."""
    return number > 0 and times[number] - times[number - 1] > ENDS_AFTER_S


def _name(metric: str, unit: str) -> str:
    """Prometheus' name, without a counter's `_total`."""
    known = _UNITS.get(unit)
    return _word(metric) + (f"_{known}" if known else "")


def _labels(name: str, labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": name, **labels}.items()))


def _word(name: str) -> str:
    return name.replace(".", "_")


def _number(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:g}" if bound < 1e6 else str(int(bound))
