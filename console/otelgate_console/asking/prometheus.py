"""PromQL: graphs, numbers, tables, heatmaps of buckets, exemplars, and the values of labels."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from otelgate_stack.clients import Store

from . import legends
from .dashboards import Query
from .frames import Column, Frame, series
from .window import Window, duration

_EXEMPLARS: Final = 200
"""The most that are shown of a query, the largest first."""


def ask(store: Store, query: Query, text: str, window: Window) -> list[Frame]:
    """The frames of a query: exemplars after the series. Raises StoreError, ValueError."""
    options = query.options
    if options.get("instant"):
        data = _get(store, "/api/v1/query", query=text, time=window.end)
    else:
        step = max(window.interval, duration(options["interval"]) if options.get("interval") else 0)
        data = _get(store, "/api/v1/query_range", query=text, start=window.start, end=window.end, step=step)
    found = from_result(data, options.get("legendFormat", ""))
    if options.get("format") == "table":
        return [_table(found)]
    if options.get("format") == "heatmap":
        return _buckets(found)
    return [*found, *(_exemplars(store, text, window) if options.get("exemplar") else ())]


def from_result(data: Mapping[str, Any], pattern: str) -> list[Frame]:
    """The series of an answer of Prometheus, or of Loki's to a query for numbers."""
    result = data["result"]
    if data["resultType"] in ("scalar", "string"):
        result = [{"metric": {}, "value": result}]
    named = zip(result, legends.names([each["metric"] for each in result], pattern), strict=True)
    return [_series(name, each["metric"], each.get("values") or [each["value"]]) for each, name in named]


def label_values(store: Store, text: str, window: Window) -> list[str]:
    """The values for `label_values(selector, label)`, of series in the window. Raises StoreError, ValueError."""
    matched = re.fullmatch(r"label_values\((.+), (\w+)\)", text, re.DOTALL)
    if not matched:
        raise ValueError(f"{text}: expected label_values(series, label)")
    path = f"/api/v1/label/{matched[2]}/values"
    answer: list[str] = _get(store, path, **{"match[]": matched[1]}, start=window.start, end=window.end)
    return answer


def _series(name: str, labels: Mapping[str, str], points: Sequence[tuple[float, str]]) -> Frame:
    return series(name, [round(when * 1000) for when, _ in points], [float(value) for _, value in points], labels)


def _table(found: Sequence[Frame]) -> Frame:
    """One row for each series: a column for each label, and the last value."""
    rows = [frame.columns[1] for frame in found]
    keys = sorted({key for row in rows for key in row.labels if key != "__name__"})
    columns = [Column(key, "text", [row.labels.get(key) for row in rows]) for key in keys]
    return Frame((*columns, Column("Value", "number", [row.values[-1] for row in rows])))


def _buckets(found: Sequence[Frame]) -> list[Frame]:
    """The series of each upper bound without what the smaller bounds have counted, the smallest first."""

    def bound(frame: Frame) -> float:
        return float(frame.columns[1].labels.get("le", "inf"))

    frames, below = [], dict[float, float]()
    for frame in sorted(found, key=bound):
        times, numbers = (column.values for column in frame.columns)
        own = [max(0.0, number - below.get(when, 0.0)) for when, number in zip(times, numbers, strict=True)]
        below = {when: number for when, number in zip(times, numbers, strict=True) if not math.isnan(number)}
        label = frame.columns[1].labels.get("le", "+Inf")
        columns = (frame.columns[0], Column(label, "number", own, frame.columns[1].labels))
        frames.append(Frame(columns, label, "bucket"))
    return frames


def _exemplars(store: Store, text: str, window: Window) -> Iterable[Frame]:
    answer = _get(store, "/api/v1/query_exemplars", query=text, start=window.start, end=window.end)
    found = [
        (float(each["timestamp"]) * 1000, float(each["value"]), each["labels"].get("trace_id"), one["seriesLabels"])
        for one in answer
        for each in one["exemplars"]
    ]
    largest = sorted(found, key=lambda each: -each[1])[:_EXEMPLARS]
    if largest:
        times, numbers, traces, labels = zip(*sorted(largest, key=lambda each: each[0]), strict=True)
        columns = (
            Column("time", "time", times),
            Column("value", "number", numbers),
            Column("trace_id", "text", traces),
            Column("labels", "labels", labels),
        )
        yield Frame(columns, "exemplars", "exemplars")


def _get(store: Store, path: str, **parameters: Any) -> Any:
    return store.get(path, parameters).json()["data"]
