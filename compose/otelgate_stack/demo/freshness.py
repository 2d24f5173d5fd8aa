"""How long after its end a run can be queried: each store is asked until it holds the whole run."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..clients import StoreError

ASK_EVERY_S = 0.05
SETTLE_S = 0.3


@dataclass(frozen=True)
class Look:
    """The result of one query: how many items (spans, lines, …), and whether the run's end is among them."""

    items: int
    complete: bool


@dataclass(frozen=True)
class Arrival:
    """`seconds` from the run's end until everything of it was there; None when it wasn't by the deadline, and why."""

    seconds: float | None
    items: int = 0
    problem: str = ""


def watch(looks: Mapping[str, Callable[[], Look]], ended_ns: int, deadline_s: float) -> dict[str, Arrival]:
    """Query all stores concurrently, until each has the whole run ended at `ended_ns` (Unix time in nanoseconds)."""
    with ThreadPoolExecutor(max_workers=len(looks)) as pool:
        futures = {name: pool.submit(_watch_one, look, ended_ns, deadline_s) for name, look in looks.items()}
        return {name: future.result() for name, future in futures.items()}


def _watch_one(look: Callable[[], Look], ended_ns: int, deadline_s: float) -> Arrival:
    """The moment is when the last item was first seen: after the end's arrival, later ones are waited for a little."""
    deadline = time.monotonic() + deadline_s
    best = Look(0, False)
    seen_ns = time.time_ns()
    problem = ""
    while True:
        try:
            now = look()
            problem = ""
        except StoreError as error:
            now, problem = Look(best.items, False), str(error)
        if now.items > best.items or (now.complete and not best.complete):
            best, seen_ns = now, time.time_ns()
        if best.complete and time.time_ns() - seen_ns > SETTLE_S * 1e9:
            return Arrival((seen_ns - ended_ns) / 1e9, best.items)
        if not best.complete and time.monotonic() > deadline:
            return Arrival(None, best.items, problem or ("incomplete" if best.items else "nothing arrived"))
        time.sleep(ASK_EVERY_S)


def slowest(arrivals: Sequence[Arrival]) -> float | None:
    """When the last of the stores had it, in seconds; None when one never had."""
    seconds = [arrival.seconds for arrival in arrivals]
    return None if None in seconds else max(second for second in seconds if second is not None)


def median_and_p95(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile (nearest rank: of fewer than 20 values the largest)."""
    ranked = sorted(seconds)
    return statistics.median(ranked), ranked[math.ceil(0.95 * len(ranked)) - 1]
