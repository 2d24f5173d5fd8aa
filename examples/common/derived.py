"""The metrics that the gateway derives from spans and events, for those of the past: by its own list, metrics.yaml."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from otelgate.names import ERROR_TYPE

from .story import Story

LIST = Path(__file__).resolve().parents[2] / "collector" / "derive" / "metrics.yaml"
_MISSING = object()


class Observation(NamedTuple):
    """One value for one metric: `bounds` are a histogram's, None for a counter."""

    at: float
    metric: str
    unit: str
    labels: tuple[tuple[str, str], ...]
    """OpenTelemetry's names, in the list's order."""
    value: float
    bounds: tuple[float, ...] | None


def observations(story: Story, resource: Mapping[str, str]) -> Iterator[Observation]:
    """The metrics that the gateway would have counted, each at the end of its span or the time of its event."""
    rules = _rules()
    for span in story.spans:
        seen = {**resource, **span.attributes, "span.name": span.name, "span.status": "error" if span.error else "ok"}
        if span.error:
            seen[ERROR_TYPE] = span.error
        yield from _of(rules, "span", seen, span.end, span.end - span.start)
    for log in story.logs:
        if log.event:
            yield from _of(rules, "event", {**resource, **log.attributes, "event.name": log.event}, log.at, 0.0)


class _Rule(NamedTuple):
    name: str
    unit: str
    signal: str
    when: Mapping[str, Any]
    values: tuple[tuple[str, Mapping[str, str]], ...]
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    bounds: tuple[float, ...] | None


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    listed = yaml.safe_load(LIST.read_text())
    sources = {name: tuple(places) for name, places in listed["sources"].items()}
    rules = []
    for metric in listed["metrics"]:
        names = [*listed["common"], *metric["dimensions"]]
        names += listed["event_attributes"] if metric.get("event_attributes") else []
        values = [(each["value"], each.get("set", {})) for each in metric.get("values", [])]
        rules.append(
            _Rule(
                metric["name"],
                metric.get("unit", ""),
                metric["signal"],
                metric["when"],
                tuple(values or [(metric["value"], {})]),
                tuple((name, sources.get(name, (name,))) for name in names),
                tuple(map(float, listed["buckets"][metric["buckets"]])) if metric["kind"] == "histogram" else None,
            )
        )
    return tuple(rules)


def _of(
    rules: tuple[_Rule, ...], signal: str, seen: Mapping[str, Any], at: float, duration: float
) -> Iterator[Observation]:
    for rule in rules:
        if rule.signal != signal or not all(_holds(test, seen.get(name, _MISSING)) for name, test in rule.when.items()):
            continue
        labels = [(name, value) for name, places in rule.dimensions if (value := _first(seen, places)) is not None]
        for value_of, more in rule.values:
            value = {"count": 1.0, "duration": duration}.get(value_of)
            value = seen.get(value_of) if value is None else value
            if value is not None:
                found = (*labels, *more.items())
                yield Observation(at, rule.name, rule.unit, found, float(value), rule.bounds)


def _holds(test: Any, value: object) -> bool:
    """Those of collector/condition/condition.go that metrics.yaml uses."""
    match test:
        case "present":
            return value is not _MISSING
        case "absent":
            return value is _MISSING
        case list():
            return value in test
    raise ValueError(f"when='{test}': expected present, absent or a list of values")


def _first(seen: Mapping[str, Any], places: tuple[str, ...]) -> str | None:
    for place in places:
        if place in seen:
            return str(seen[place])
    return None
