"""Circuit breakers around what Osool calls outside, with a gauge of their states and a counter of failures."""

import logging
from collections.abc import Iterable
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from pybreaker import CircuitBreaker, CircuitBreakerListener, CircuitBreakerState

log = logging.getLogger("osool.breakers")

NAMES = ("openai", "blockchain", "paymob")
STATES = {"closed": 0, "half-open": 1, "open": 2}
FAILURES = 5
"""In a row, until a breaker opens."""
RESET_S = 30.0
"""How long an open breaker lets nothing through; then one call is tried."""
ATTRIBUTE = "osool.circuit_breaker.name"


class Breakers:
    """One breaker for each service outside. `excluded`: errors that are answers, not failures of the service."""

    def __init__(self, excluded: Iterable[type[Exception]] = (), speed: float = 1.0) -> None:
        meter = metrics.get_meter("osool")
        failures = meter.create_counter(
            "osool.circuit_breaker.failures", "{failure}", "Calls through the breaker that failed."
        )
        self._all = {name: _breaker(name, excluded, _Telemetry(failures), RESET_S / speed) for name in NAMES}
        meter.create_observable_gauge(
            "osool.circuit_breaker.state", [self._states], "{state}", "0 closed, 1 half-open, 2 open."
        )

    def __getitem__(self, name: str) -> CircuitBreaker:
        return self._all[name]

    def _states(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(STATES[breaker.current_state], {ATTRIBUTE: name}) for name, breaker in self._all.items()]


class _Telemetry(CircuitBreakerListener):
    """Counts failures, and writes a line whenever a breaker opens or closes."""

    def __init__(self, failures: metrics.Counter) -> None:
        self._failures = failures

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:
        self._failures.add(1, {ATTRIBUTE: str(cb.name)})

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        level = logging.ERROR if new_state.name == "open" else logging.INFO
        log.log(level, "circuit breaker of %s is %s", cb.name, new_state.name, extra={ATTRIBUTE: cb.name})


def _breaker(name: str, excluded: Iterable[Any], listener: CircuitBreakerListener, reset_s: float) -> CircuitBreaker:
    # The call that trips it fails with its own error, as those before it did.
    return CircuitBreaker(
        fail_max=FAILURES,
        reset_timeout=reset_s,
        exclude=list(excluded),
        listeners=[listener],
        name=name,
        throw_new_error_on_trip=False,
    )
