"""One model call and then silence: what `increase()` makes of a counter that moved once.

For longer than the five minutes after which Prometheus, and by default much else, takes a series for gone.
"""

import sys
import time
from dataclasses import dataclass

import pytest
from test_genai import COST_USD, call
from waiting import until
from world import World

SERIES = 'otelgate_llm_cost_total{service_name="genai-silence"}'
RANGE_S = 400.0
EXACT = 1e-9


@dataclass(frozen=True)
class Raw:
    """The samples of one series in a range: Unix times in seconds, and values."""

    times: list[float]
    values: list[float]

    def extrapolated_increase(self, end_s: float) -> float:
        """`increase()` over RANGE_S up to `end_s`, by the rule of Prometheus' functions.go (extrapolatedRate).

        The difference of the last and the first value, stretched to the range's ends: by the distance to them, where
        that is less than 1.1 times the samples' mean distance, else by half of the mean; and on the left no further
        than to where the line through both would be zero.
        """
        sampled = self.times[-1] - self.times[0]
        mean = sampled / (len(self.times) - 1)
        gain = self.values[-1] - self.values[0]
        to_start, to_end = (
            gap if gap < 1.1 * mean else mean / 2 for gap in (self.times[0] - (end_s - RANGE_S), end_s - self.times[-1])
        )
        if gain > 0 and self.values[0] >= 0:
            to_start = min(to_start, sampled * self.values[0] / gain)
        return gain * (sampled + to_start + to_end) / sampled


def raw(world: World, time_s: float) -> Raw | None:
    """Prometheus' samples in the range up to `time_s`; None before the first."""
    answer = world.prometheus.http.get(
        "/api/v1/query",
        params={"query": f"{SERIES}[{RANGE_S:.0f}s]", "time": f"{time_s:.3f}"},
    )
    series = answer.raise_for_status().json()["data"]["result"]
    assert len(series) <= 1, f"one call gave {len(series)} series"
    if not series:
        return None
    return Raw([when for when, _ in series[0]["values"]], [float(value) for _, value in series[0]["values"]])


def last_sample(world: World) -> float:
    found = raw(world, time.time())
    return found.times[-1] if found else 0.0


def check_rule_beyond_the_last_sample(world: World, time_s: float) -> None:
    """There the extrapolation adds something, so this shows that the rule above is Prometheus'."""
    samples = raw(world, time_s)
    assert samples is not None
    (stretched,) = world.prometheus.query(f"increase({SERIES}[{RANGE_S:.0f}s])", time_s)
    assert stretched.value == pytest.approx(samples.extrapolated_increase(time_s), abs=EXACT, rel=0)
    assert stretched.value > COST_USD + EXACT


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_increase_equals_the_cost_of_the_only_call(world: World) -> None:
    call(world, "genai-silence")
    called = time.time()
    for minute in range(2, 7):
        assert until(lambda due=called + 60 * minute: last_sample(world) >= due, deadline_s=180, every_s=1), minute
        end = last_sample(world)
        samples = raw(world, end)
        assert samples is not None
        assert samples.values[0] == 0, "a series begins with an explicit zero"
        assert samples.values[-1] - samples.values[0] == pytest.approx(COST_USD, abs=EXACT, rel=0)
        (increase,) = world.prometheus.query(f"increase({SERIES}[{RANGE_S:.0f}s])", end)
        added = samples.extrapolated_increase(end) - COST_USD
        assert increase.value == pytest.approx(COST_USD + added, abs=EXACT, rel=0)
        check_rule_beyond_the_last_sample(world, end + 5)
        print(
            f"\n{minute} min: {len(samples.times)} samples, increase {increase.value!r} USD, the call {COST_USD!r} USD,"
            f" of that by extrapolation {added:.1e}",
            file=sys.stderr,
        )
    assert until(lambda: time.time() >= called + RANGE_S, deadline_s=180, every_s=1)
    assert world.prometheus.value(f"sum({SERIES})") == pytest.approx(COST_USD, abs=EXACT, rel=0)
