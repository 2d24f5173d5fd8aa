"""Days of the past, loaded into each store by the way that it offers, before the application runs.

The same users as live come through all hours of the day, and the application tells what each visit leaves behind.
Prometheus gets blocks (and remote write for the last hours), Loki log lines in the order of time, the audit store OTLP
as from the gateway, each with its own time, and Tempo or Jaeger the traces of the last hour. The same seed and end give
the same past.

OTLP with old times through the gateway cannot do it: the gateway counts a span in the derived metrics when it arrives,
so a week of spend would be one step of today, and Prometheus refuses samples older than its out_of_order_time_window
(4 h).
"""

import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from otelgate_stack.examples import Stores

from . import activity, derived, otlp, prometheus, series
from .faults import Faults
from .story import Point, Story
from .traffic import Example

DAY_S = 86_400
INSTANCE = "history"
"""Label `instance` of the series, instead of the gateway's own name."""
TRACES_S = 3600
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 9, 9, 9, 8, 8, 9, 10, 9, 7, 5, 3)
"""Relative numbers of users in each hour of the day (UTC)."""
_FORMS = "expected a number of days from 1 to 30, such as 7d"
_VISIBLE_S = 150.0


@dataclass(frozen=True)
class Past:
    """One application's past, between two Unix times."""

    story: Story
    resource: dict[str, str]
    start: float
    end: float


def days(text: str) -> int:
    """`7d` or `7`. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,2})d?", text)
    if not found or not 1 <= int(found[1]) <= 30:
        raise ValueError(f"HISTORY={text!r}: {_FORMS}")
    return int(found[1])


def load(stores: Stores, example: Example, number: int, *, environment: str, seed: int = 1) -> Past | None:
    """Load so many days, up to now. None, after printing a line, if there is a history already."""
    end = _end(stores.first_turn(example.service))
    if end is None:
        print(f"{example.service} has a history already: nothing is loaded", file=sys.stderr)
        return None
    told = _Step(f"tell {number} days of {example.service}")
    past = tell(example, end - number * DAY_S, end, environment=environment, seed=seed)
    told.done(f"{sum(span.parent_id is None for span in past.story.spans)} turns")
    for store in (_to_prometheus, _to_audit, _to_loki, _to_traces):
        store(stores, past)
    _wait_until_visible(stores, past)
    return past


def tell(
    example: Example,
    start: float,
    end: float,
    *,
    environment: str,
    seed: int = 1,
    faults: Sequence[str] = (),
    fault_after_s: float = 0.0,
) -> Past:
    """The events between two Unix times, in memory. `faults`: switches that the users themselves go by, and how long
    after the start they were thrown."""
    draw, now = random.Random(f"history {example.service} {seed}"), start
    story = Story(example.service, random.Random(f"ids {example.service} {seed}"))
    thrown = Faults(faults, fault_after_s, clock=lambda: now)

    def passing() -> Iterator[float]:
        nonlocal now
        for at in moments(draw, start, end, example.history_visits_a_day):
            now = at
            yield at

    for visit in example.visits(draw, passing(), thrown):
        example.tell(visit, story)
    example.ambient(start, end, story)
    # Visits that last beyond the end have not happened yet: a truncated trace would be invalid.
    late = {span.trace_id for span in story.spans if span.end >= end}
    story.spans = [span for span in story.spans if span.trace_id not in late]
    story.logs = sorted(
        (log for log in story.logs if log.at < end and log.trace_id not in late), key=lambda log: log.at
    )
    story.points = [point for point in story.points if point.at < end]
    story.spans.sort(key=lambda span: span.end)
    otlp.finish(story)
    resource = {"service.name": example.service, "deployment.environment.name": environment}
    return Past(story, resource | {"service.version": example.version}, start, end)


def moments(draw: random.Random, start: float, end: float, a_day: int) -> Iterator[float]:
    """When users came: more by day than by night, fewer at weekends, a little more each day."""
    at, fullest = start, a_day / DAY_S * max(_HOURS) / (sum(_HOURS) / 24) * 1.2
    while (at := at + draw.expovariate(fullest)) < end:
        when = time.gmtime(at)
        share = _HOURS[when.tm_hour] / max(_HOURS) * (0.7 if when.tm_wday >= 5 else 1.0)
        if draw.random() < share * (0.8 + 0.4 * (at - start) / (end - start)) / 1.2:
            yield at


def all_series(past: Past) -> list[series.Series]:
    """Everything that Prometheus gets."""
    labels = {key: value for key, value in past.resource.items() if key != "service.version"}
    found = list(series.counted(derived.observations(past.story, labels), INSTANCE))
    found += series.measured([*past.story.points, *_heartbeat(past)], labels, INSTANCE)
    sink = {"service.name": past.story.service}
    return found + list(series.measured(activity.points(past.story, past.start, past.end), sink, INSTANCE))


def _heartbeat(past: Past) -> Iterator[Point]:
    """`target_info`, which every SDK's resource becomes: that the application was running."""
    at = past.start
    while at < past.end:
        yield Point(at, "target_info", "", "gauge", 1.0, {})
        at += series.ENDS_AFTER_S / 2


def _end(first: float | None) -> float | None:
    """Now, or where the application has run before, a minute before that; None where that is long ago."""
    if first is None:
        return time.time() - 5
    return None if first < time.time() - DAY_S / 2 else first - 60


def _to_prometheus(stores: Stores, past: Past) -> None:
    found, points = all_series(past), series.grid(past.start, past.end)
    border = time.time() - prometheus.HEAD_S
    with tempfile.TemporaryDirectory(prefix="otelgate-history-") as folder:
        step = _Step(f"write {len(found)} series for Prometheus")
        files = prometheus.write_files(found, points, border, Path(folder), step.part(len(found)))
        step.done(f"{sum(file.stat().st_size for file in files) >> 20} MiB")
        step = _Step("make Prometheus' blocks")
        stores.make_blocks(files)
        step.done(f"{len(files)} blocks")
    step = _Step("write the last hours to Prometheus")
    prometheus.remote_write(stores, found, points, border, step.part(len(found)))
    step.done()


def _to_audit(stores: Stores, past: Past) -> None:
    events = [log for log in past.story.logs if log.event]
    step = _Step(f"send {len(past.story.spans)} spans and {len(events)} events to the audit sink")
    stores.send_to_audit("traces", otlp.trace_requests(past.story.spans, past.resource, content=True))
    stores.send_to_audit("logs", otlp.log_requests(events, past.resource, content=True))
    step.done()


def _to_loki(stores: Stores, past: Past) -> None:
    step = _Step(f"push {len(past.story.logs)} log lines to Loki")
    headers = {"Content-Type": "application/x-protobuf"}
    for request in otlp.log_requests(past.story.logs, past.resource, content=False):
        stores.loki.post("/otlp/v1/logs", request.SerializeToString(), headers)
    # Queries look for old lines on disk alone, where Loki would bring these half an hour from now.
    stores.loki.post("/flush")
    step.done()


def _to_traces(stores: Stores, past: Past) -> None:
    ends: dict[str, float] = {}
    for span in past.story.spans:
        ends[span.trace_id] = max(ends.get(span.trace_id, 0.0), span.end)
    young = [span for span in past.story.spans if ends[span.trace_id] > past.end - TRACES_S]
    step = _Step(f"send the last hour's {len({span.trace_id for span in young})} traces")
    stores.send_traces(list(otlp.trace_requests(young, past.resource, content=False)))
    step.done()


def _wait_until_visible(stores: Stores, past: Past) -> None:
    """Prometheus looks for new blocks once a minute, and may do so while only some are there: wait for each."""
    step = _Step("wait for Prometheus to find its blocks")
    runs = "otelgate_run_count_total"
    metric = f'{runs}{{service_name="{past.story.service}",instance="{INSTANCE}"}}'
    grid, border = series.grid(past.start, past.end), time.time() - prometheus.HEAD_S
    counted = [each for each in all_series(past) if dict(each.labels)["__name__"] == runs]
    points = [at for each in counted for at, _ in series.on_grid(each, grid) if at < border]
    left = {at - at % prometheus.BLOCK_S: at for at in points}.values()  # a point of each block
    missing = stores.wait_for_samples(metric, left, _VISIBLE_S)
    step.done(f"{missing} not found within {_VISIBLE_S:.0f} s" if missing else "")


class _Step:
    """A line for each step: what, how far, how long."""

    def __init__(self, what: str) -> None:
        self._what, self._began, self._live = what, time.monotonic(), sys.stderr.isatty()

    def part(self, of: int) -> Callable[[int], None]:
        def said(number: int) -> None:
            if self._live and number % 200 == 0:
                sys.stderr.write(f"\r{self._what} … {100 * number // max(of, 1)} %")

        return said

    def done(self, result: str = "") -> None:
        start = "\r" if self._live else ""
        more = f", {result}" if result else ""
        sys.stderr.write(f"{start}{self._what} … {time.monotonic() - self._began:.1f}s{more}\n")
        sys.stderr.flush()
