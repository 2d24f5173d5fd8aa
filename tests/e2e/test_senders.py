"""Applications' own counters of every kind of sender, alone and several as one, through to Prometheus.

The inputs are those of public reports: delta counters that no store takes, two sessions that fight over one series, and
services that send the metrics of the GenAI conventions and no spans.
"""

import time
import uuid
from typing import Any

import pytest
from points import CUMULATIVE, DELTA, OVER, S, counter, histogram, point, send, send_call
from waiting import until
from world import OwnGateway, World


def named(name: str) -> str:
    """A separate service for each run."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def settled(world: World, query: str, wanted: float, deadline_s: float = 60) -> float | None:
    """The value once it is what it should be, or what it is when time is up."""
    return until(
        lambda: world.prometheus.value(query), lambda found: found == pytest.approx(wanted), deadline_s=deadline_s
    )


@pytest.mark.parametrize("instance", [{}, {"service.instance.id": "one"}], ids=["without id", "with id"])
def test_deltas_add_up(world: World, instance: dict[str, str]) -> None:
    service = named("claude-code")
    began = time.time_ns() - 30 * S
    for step, (tokens, usd, measured) in enumerate([(100, 0.01, 3), (250, 0.02, 0), (50, 0.03, 2)]):
        times = began + step * 10 * S, began + (step + 1) * 10 * S
        buckets = {"bucketCounts": [str(measured), "0", "0"], "explicitBounds": [1, 5]}
        positive = {"offset": -2, "bucketCounts": [str(measured)]}
        measurements = {"count": str(measured), "sum": 0.5 * measured}
        metrics = [
            counter("senders.tokens", DELTA, point(*times, {"type": "input"}, asInt=str(tokens))),
            counter("senders.cost", DELTA, point(*times, asDouble=usd), unit="USD"),
            counter("senders.control", CUMULATIVE, point(began, times[1], asInt=str([2, 5, 7][step]))),
            histogram("senders.duration", DELTA, point(*times, **measurements, **buckets)),
            histogram("senders.wait", DELTA, point(*times, **measurements, scale=2, positive=positive)),
        ]
        send(world, {"service.name": service, **instance}, metrics)
    of = f'{{service_name="{service}"}}'
    assert settled(world, f"sum(senders_tokens_total{of})", 400) == 400
    assert settled(world, f"sum(senders_cost_USD_total{of})", 0.06) == pytest.approx(0.06)
    assert settled(world, f"sum(senders_control_total{of})", 7) == 7
    assert settled(world, f"sum(senders_duration_seconds_count{of})", 5) == 5
    assert settled(world, f'sum(senders_duration_seconds_bucket{{service_name="{service}",le="1"}})', 5) == 5
    assert settled(world, f"sum(histogram_count(senders_wait_seconds{of}))", 5) == 5
    assert settled(world, f"sum(histogram_sum(senders_wait_seconds{of}))", 2.5) == 2.5
    # A series begins with a zero, so that increase() misses nothing.
    assert world.prometheus.value(f"sum(min_over_time(senders_tokens_total{of}[5m]))") == 0
    assert world.prometheus.value(f"sum(min_over_time(senders_duration_seconds_count{of}[5m]))") == 0


def test_sessions_that_stand_spend_nothing(world: World) -> None:
    service, began = named("claude-code"), time.time_ns() - 60 * S

    def export() -> None:
        for session, tokens in (("a", 1000), ("b", 10)):
            labels = {"session.id": session, "type": "input"}
            metric = counter(
                "senders.usage", CUMULATIVE, point(began, time.time_ns(), labels, asInt=str(tokens)), unit="tokens"
            )
            send(world, {"service.name": service}, [metric])

    series = f'senders_usage_tokens_total{{service_name="{service}"}}'

    def samples() -> float:
        export()
        return world.prometheus.value(f"sum(count_over_time({series}[2m]))") or 0

    assert until(samples, lambda count: count >= 5, every_s=1) >= 5
    assert [sample.value for sample in world.prometheus.query(series)] == [1010]
    assert world.prometheus.value(f"sum(resets({series}[2m]))") == 0
    assert world.prometheus.value(f"sum(increase({series}[2m]))") == 0


def test_processes_that_restart_add_up(world: World) -> None:
    """Two processes without an id, whose cumulative counters differ in their start times only, and their successors."""
    service, now = named("shop"), time.time_ns()
    for start, values in (
        (now - 9 * S, (40, 50)),
        (now - 8 * S, (4, 5)),
        (now - 2 * S, (1, 2)),
        (now - 1 * S, (200, 300)),
    ):
        for step, value in enumerate(values):
            at = start + (step + 1) * S // 2
            send(
                world,
                {"service.name": service},
                [counter("senders.orders", CUMULATIVE, point(start, at, asInt=str(value)))],
            )
    series = f'senders_orders_total{{service_name="{service}"}}'
    assert settled(world, f"sum({series})", 357) == 357
    assert world.prometheus.value(f"sum(resets({series}[5m]))") == 0


def test_cumulative_histograms_add_up_over_resets(world: World) -> None:
    """With explicit and with exponential buckets: a process exports twice, and its successor does."""
    service, now = named("shop"), time.time_ns()
    for start, at, to_2_s, to_4_s, seconds in (
        (now - 9 * S, now - 8 * S, 2, 1, 6.0),
        (now - 9 * S, now - 7 * S, 2, 3, 12.0),
        (now - 4 * S, now - 3 * S, 0, 1, 3.0),
        (now - 4 * S, now - 2 * S, 4, 2, 12.0),
    ):
        counts = [str(to_2_s), str(to_4_s)]
        measured = {"count": str(to_2_s + to_4_s), "sum": seconds}
        explicit = {"bucketCounts": ["0", *counts, "0"], "explicitBounds": [1, 2, 4]}
        exponential = {"scale": 0, "positive": {"offset": 0, "bucketCounts": counts}}
        metrics = [
            histogram("senders.pause", CUMULATIVE, point(start, at, **measured, **explicit)),
            histogram("senders.rest", CUMULATIVE, point(start, at, **measured, **exponential)),
        ]
        send(world, {"service.name": service}, metrics)
    of = f'service_name="{service}"'
    assert settled(world, f"sum(senders_pause_seconds_count{{{of}}})", 11) == 11
    assert settled(world, f"sum(senders_pause_seconds_sum{{{of}}})", 24) == 24
    assert settled(world, f'sum(senders_pause_seconds_bucket{{{of},le="2"}})', 6) == 6
    assert settled(world, f"sum(histogram_count(senders_rest_seconds{{{of}}}))", 11) == 11
    assert settled(world, f"sum(histogram_sum(senders_rest_seconds{{{of}}}))", 24) == 24
    assert settled(world, f"histogram_fraction(0, 2, sum(senders_rest_seconds{{{of}}}))", 6 / 11) == pytest.approx(
        6 / 11
    )
    for series in ("senders_pause_seconds_count", "senders_rest_seconds"):
        assert world.prometheus.value(f"sum(resets({series}{{{of}}}[5m]))") == 0


def test_late_and_resent_points_change_nothing(world: World) -> None:
    service, now = named("shop"), time.time_ns()
    times = [(now - 20 * S, now - 10 * S), (now - 10 * S, now)]
    deltas = [counter("senders.parts", DELTA, point(*each, asInt="5")) for each in times]
    totals = [
        counter("senders.whole", CUMULATIVE, point(now - 20 * S, at, asInt=value))
        for (_, at), value in zip(times, ("5", "10"), strict=True)
    ]
    for metric in (deltas[1], totals[1], deltas[0], totals[0], *deltas, *totals):
        send(world, {"service.name": service}, [metric])
    for name in ("parts", "whole"):
        series = f'senders_{name}_total{{service_name="{service}"}}'
        assert settled(world, f"sum({series})", 10) == 10
        assert world.prometheus.value(f"sum(resets({series}[5m]))") == 0


def test_series_that_a_sender_ends_is_gone(world: World) -> None:
    service, now = named("shop"), time.time_ns()
    resource = {"service.name": service, "service.instance.id": "one"}
    send(world, resource, [counter("senders.visits", CUMULATIVE, point(now - S, now, asInt="5"))])
    series = f'senders_visits_total{{service_name="{service}"}}'
    assert settled(world, f"sum({series})", 5) == 5
    send(world, resource, [counter("senders.visits", CUMULATIVE, point(now - S, now + 1, flags=OVER))])
    assert until(lambda: world.prometheus.query(series), lambda found: not found) == []


def usage(tokens: int, start_ns: int) -> dict[str, Any]:
    labels = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.token.type": "input",
    }
    buckets = {"bucketCounts": ["0", "1", "0"], "explicitBounds": [100, 10000]}
    return histogram(
        "gen_ai.client.token.usage",
        CUMULATIVE,
        point(start_ns, time.time_ns(), labels, count="1", sum=tokens, **buckets),
        unit="{token}",
    )


def tokens_of(service: str) -> str:
    return f'sum(gen_ai_client_token_usage_sum{{service_name="{service}",gen_ai_token_type="input"}})'


def test_service_without_spans_keeps_its_genai_metrics(world: World) -> None:
    service = named("gemini-cli")
    send(world, {"service.name": service}, [usage(4000, time.time_ns() - 60 * S)])
    assert settled(world, tokens_of(service), 4000) == 4000


@pytest.mark.parametrize("first", ["spans", "metrics"])
def test_service_with_spans_is_counted_once(world: World, first: str) -> None:
    service, mark, began = named("both"), named("mark"), time.time_ns() - 60 * S
    if first == "spans":
        send_call(world, service, 1000)
    send(world, {"service.name": service}, [usage(1000, began)])
    if first == "metrics":
        send_call(world, service, 1000)
    assert settled(world, tokens_of(service), 1000) == 1000
    # Another service's, which came after it and waits as long, is there: so what was held of this one is decided.
    send(world, {"service.name": mark}, [usage(5, began)])
    assert settled(world, tokens_of(mark), 5) == 5
    assert world.prometheus.value(tokens_of(service)) == 1000


def test_spans_that_come_later_take_over(world: World) -> None:
    service, began = named("later"), time.time_ns() - 60 * S
    send(world, {"service.name": service}, [usage(1000, began)])
    assert settled(world, tokens_of(service), 1000) == 1000
    send_call(world, service, 7)
    assert settled(world, tokens_of(service), 7) == 7


def test_counters_go_on_after_the_gateway_was_killed(own_gateway: OwnGateway) -> None:
    service, began = named("shop"), time.time_ns() - S

    def export(step: int) -> None:
        start, now = began + step, time.time_ns()
        metrics = [
            counter("senders.visits", CUMULATIVE, point(began, now, asInt=str(10 * step + 10))),
            counter("senders.steps", DELTA, point(start, now, asInt="10")),
        ]
        send(own_gateway, {"service.name": service}, metrics)

    for step in range(3):
        export(step)
        own_gateway.gateway.kill()  # right after the OK, before anything is written
        own_gateway.gateway.start()
    export(3)
    for name in ("visits", "steps"):
        series = f'senders_{name}_total{{service_name="{service}"}}'
        assert settled(own_gateway, f"sum({series})", 40) == 40
        assert own_gateway.prometheus.value(f"sum(resets({series}[5m]))") == 0
