"""Bounds for the durations that instrumentations measure: those that the gateway has for the ones it derives.

The conventions' advised bounds leave out 2, 10, 20 and 30 s, so that no alert at one of these could be exact.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from . import names

_METRICS: Final = ("http.server.request.duration", "http.client.request.duration", "db.client.operation.duration")


def add(provider: Any) -> None:
    """The SDK's own setup takes no views, so they are added to what it made, before there is any instrument."""
    config = getattr(provider, "_sdk_config", None)
    if config is not None:
        config.views = (*config.views, *(_view(name) for name in _METRICS))


def _view(name: str) -> View:
    return View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(names.DURATION_BOUNDS))
