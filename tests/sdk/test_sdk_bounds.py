"""Durations that instrumentations measure have the bounds that the gateway gives the ones it derives."""

from __future__ import annotations

from collections.abc import Callable

from otelgate import names
from otlp_receiver import Receiver
from programs import Result


def test_instruments_have_them(run: Callable[..., Result], receiver: Receiver) -> None:
    run("""
        from opentelemetry import metrics
        meter = metrics.get_meter("instrumentation")
        advised = {"explicit_bucket_boundaries_advisory": [0.5, 2.5]}
        for name in ("http.server.request.duration", "db.client.operation.duration", "app.other.duration"):
            meter.create_histogram(name, unit="s", **advised).record(2)
    """)
    for name in ("http.server.request.duration", "db.client.operation.duration"):
        assert {tuple(item.raw.explicit_bounds) for item in receiver.points(name)} == {names.DURATION_BOUNDS}
    assert {tuple(item.raw.explicit_bounds) for item in receiver.points("app.other.duration")} == {(0.5, 2.5)}
