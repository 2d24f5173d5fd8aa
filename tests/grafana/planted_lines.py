"""Log lines that applications might write, and which of the saved queries must find each: those, and no others."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Planted:
    """One line. `found_by`: names of queries; `traced`: written within a span; `raised`: with this exception."""

    service: str
    level: str
    text: str
    found_by: frozenset[str] = frozenset()
    extra: dict[str, Any] = field(default_factory=dict)
    traced: bool = False
    raised: str = ""


def _line(service: str, level: str, text: str, *found_by: str, **more: Any) -> Planted:
    always = {"INFO": (), "WARNING": ("warnings",), "ERROR": ("warnings", "errors"), "CRITICAL": ("warnings", "errors")}
    return Planted(service, level, text, frozenset((*always[level], *found_by)), **more)


_BREAKER = {"osool.circuit_breaker.name": "paymob"}

LINES = (
    # Words that a search for `error` would find, though nothing went wrong.
    _line("execora", "INFO", "0 errors, 12 requests"),
    _line("execora", "INFO", "error handling was switched on"),
    _line("execora", "WARNING", "no errors for an hour, which is odd"),
    # Errors that such a search would miss.
    _line("execora", "ERROR", "the printer is on fire"),
    _line("execora", "CRITICAL", "out of paper", "errors-with-trace", traced=True),
    # Invoices: at the line's beginning.
    _line("execora", "INFO", "Invoice 42 created", "invoices"),
    _line("execora", "ERROR", "Invoice 43 could not be sent", "invoices"),
    _line("execora", "INFO", "Customer asked for an Invoice"),
    _line("execora", "INFO", "invoicing starts at noon"),
    # Amounts: numbers, compared as numbers ("9000" > "10000" as text).
    _line("execora", "INFO", "Payment received", "large-amounts", extra={"amount_inr": 12500}),
    _line("execora", "INFO", "Invoice 44 created", "large-amounts", "invoices", extra={"amount_inr": 10000.5}),
    _line("execora", "INFO", "Payment received, exactly ten thousand", extra={"amount_inr": 10000}),
    _line("execora", "INFO", "Payment received, a small one", extra={"amount_inr": 9000}),
    _line("execora", "INFO", "12500 INR were mentioned"),
    _line("execora", "WARNING", "amount_inr=99999 in the words only"),
    # Websockets.
    _line("execora", "ERROR", "WebSocket closed abnormally", "websocket-errors"),
    _line("execora", "ERROR", "sending on the websocket failed", "websocket-errors", "errors-with-trace", traced=True),
    _line("execora", "INFO", "WebSocket opened, no error so far"),
    _line("execora", "WARNING", "WebSocket error rate is low"),
    # Turns, tools, exceptions of an agent.
    _line("estate-bot", "INFO", "turn answered quickly", extra={"turn.seconds": 3.5, "turn.cost_usd": 0.02}),
    _line("estate-bot", "INFO", "turn answered at the limit", extra={"turn.seconds": 20.0, "turn.cost_usd": 0.1}),
    _line("estate-bot", "INFO", "turn answered slowly", "slow-turns", extra={"turn.seconds": 100.5}),
    _line("estate-bot", "INFO", "turn was dear", "costly-turns", extra={"turn.seconds": 4, "turn.cost_usd": 0.25}),
    _line("estate-bot", "ERROR", "the tool gave up", "tool-errors", extra={"gen_ai.tool.name": "get_market_trends"}),
    _line("estate-bot", "INFO", "the tool was called", extra={"gen_ai.tool.name": "get_market_trends"}),
    _line("estate-bot", "ERROR", "turn failed", "errors-with-trace", traced=True, raised="TimeoutError"),
    _line("estate-bot", "ERROR", "turn failed again", raised="ValueError"),
    # Circuit breakers.
    _line("osool", "WARNING", "circuit breaker opened", "circuit-breakers", extra=_BREAKER),
    _line("osool", "INFO", "circuit breaker closed", "circuit-breakers", extra=_BREAKER),
    _line("osool", "INFO", "the circuit breaker is a good thing"),
)  # fmt: skip

SERVICES = tuple(sorted({line.service for line in LINES}))
VOTE_BY = "estate-bot"
"""This service also sends two votes, one of each kind."""
