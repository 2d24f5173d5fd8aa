"""Switches that make things go wrong, so that each alert can be seen firing."""

import time
from collections.abc import Callable, Iterable
from typing import Final

FAULTS: Final = {
    "model_errors": "every second model call fails",
    "slow_model": "the first token takes 8 s longer, and each token 10 times as long",
    "tool_errors": "three of five tool calls fail",
    "slow_tools": "tools take 10 times as long",
    "slow_database": "each query takes 1.5 s longer",
    "database_connections": "connections are taken and not given back",
    "slow_search": "vector searches take 0.4 s longer",
    "http_errors": "a fifth of the requests is answered with 500",
    "slow_http": "each request takes 2.5 s longer",
    "breaker_open": "the services behind the circuit breakers fail until the breakers open",
    "traffic_drop": "users stop coming",
    "query_burst": "one user asks without end",
    "session_flood": "four times as many concurrent users",
    "cost_spike": "prompts are 60 times as long, and only the most expensive model answers",
    "negative_feedback": "every vote is a thumb down, and half of the answers get one",
    "reservations_fail": "half of the reservations fail",
    "payments_fail": "half of the payments fail",
    "voice_errors": "half of the voice commands are not understood",
    "websocket_drops": "connections break off in the middle",
    "queue_backlog": "tasks are taken in and not worked off",
    "memory_pressure": "the model's host reports memory that is nearly full",
    "down": "the health endpoint fails, and so does every request",
}
"""Each switch, and what it does. An application names those that mean something to it (`Example.faults`)."""


class UnknownFault(ValueError):
    """A switch that the application hasn't got; the text says which it has."""


class Faults:
    """The switches that are on: from `after_s` seconds after the start until `until_s`.

    `llm_down@60` is on 60 s later than the others. `clock` gives seconds; a test or the history brings its own.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        after_s: float = 0.0,
        until_s: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._starts = {name: after_s + later for name, later in map(_later, names)}
        self.names = frozenset(self._starts)
        self._until_s = until_s
        self._clock, self._start = clock, clock()

    def __call__(self, name: str) -> bool:
        """Whether this switch is on now. Raises KeyError for one that FAULTS doesn't have: a slip of the programmer."""
        FAULTS[name]
        return name in self.names and self._starts[name] <= self._clock() - self._start < self._until_s


def parse(text: str, known: Iterable[str]) -> list[str]:
    """The switches in `model_errors,llm_down@60`. Raises UnknownFault for one that is not `known`, or a bad time."""
    given = [name.strip() for name in text.split(",") if name.strip()]
    allowed = sorted(known)
    for switch in given:
        name, _, later = switch.partition("@")
        if name not in allowed:
            raise UnknownFault(f"FAULT={name!r}: expected one of {', '.join(allowed)}")
        if (later and not later.isdecimal()) or switch.endswith("@"):
            raise UnknownFault(f"FAULT={switch!r}: expected whole seconds after the @, such as {name}@60")
    return given


def _later(switch: str) -> tuple[str, float]:
    """`llm_down@60` -> llm_down, 60.0."""
    name, _, later = switch.partition("@")
    return name, float(later or 0)
