"""Applications' metrics as OTLP/HTTP JSON, point by point: what an SDK sends, at times that a test chooses."""

import time
from collections.abc import Sequence
from typing import Any

from otelgate_stack import web
from world import World

DELTA, CUMULATIVE = 1, 2
S = 10**9
OVER = 1
"""The flag of a point by which a sender says that its series is over."""


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def point(start_ns: int, time_ns: int, labels: dict[str, str] | None = None, **value: Any) -> dict[str, Any]:
    """A data point; `value` is `asInt`, `asDouble`, or what a histogram has. 0 leaves the start out."""
    times = {"startTimeUnixNano": str(start_ns), "timeUnixNano": str(time_ns)}
    return {"attributes": attributes(labels or {}), **times, **value}


def counter(name: str, temporality: int, *points: dict[str, Any], unit: str = "1") -> dict[str, Any]:
    return {
        "name": name,
        "unit": unit,
        "sum": {"aggregationTemporality": temporality, "isMonotonic": True, "dataPoints": list(points)},
    }


def histogram(name: str, temporality: int, *points: dict[str, Any], unit: str = "s") -> dict[str, Any]:
    """Explicit buckets; exponential ones where the points have a scale."""
    kind = "exponentialHistogram" if "scale" in points[0] else "histogram"
    return {"name": name, "unit": unit, kind: {"aggregationTemporality": temporality, "dataPoints": list(points)}}


def send(world: World, resource: dict[str, str], metrics: Sequence[dict[str, Any]], scope: str = "points") -> None:
    """Returns once the gateway has acknowledged it."""
    sent = {"scope": {"name": scope}, "metrics": list(metrics)}
    body = {"resourceMetrics": [{"resource": {"attributes": attributes(resource)}, "scopeMetrics": [sent]}]}
    _post(world, "metrics", body)


def send_call(world: World, service: str, tokens: int) -> None:
    """A model call as a span, in the words of the conventions."""
    end = time.time_ns()
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-2.5-pro",
    }
    span = {
        "traceId": f"{time.time_ns():032x}",
        "spanId": f"{time.time_ns() % 2**63:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(end - S),
        "endTimeUnixNano": str(end),
        "attributes": [
            *attributes(texts),
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(tokens)}},
        ],
    }
    resource = {"attributes": attributes({"service.name": service})}
    _post(world, "traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})


def _post(world: World, signal: str, body: dict[str, Any]) -> None:
    url = f"http://127.0.0.1:{world.settings.http_port}/v1/{signal}"
    web.post(url, json=body, timeout=30).raise_for_status()
