"""Execora's own instruments; everything else comes from the SDK and from OpenTelemetry's instrumentations."""

from opentelemetry import metrics
from otelgate.names import ERROR_TYPE

AMOUNT_BOUNDS = (100.0, 500.0, 1000.0, 5000.0, 10000.0, 50000.0, 100000.0)
"""Rupees."""

# Meters and instruments of the API may be made before the SDK is there: they follow it.
_METER = metrics.get_meter("execora")
SOCKETS_OPEN = _METER.create_up_down_counter(
    "execora.websocket.active", "{connection}", "Websocket connections that are open."
)
SOCKETS_CLOSED = _METER.create_counter(
    "execora.websocket.closed", "{connection}", "Websocket connections that ended, by reason."
)
PAYMENT_AMOUNT = _METER.create_histogram(
    "execora.payment.amount",
    "{INR}",
    "Amount of a payment that was completed.",
    explicit_bucket_boundaries_advisory=AMOUNT_BOUNDS,
)
PENDING = _METER.create_up_down_counter("execora.queue.pending", "{task}", "Tasks that wait.")
_ERRORS = _METER.create_counter("execora.error", "{error}", "Errors, by type.")


def count_error(error: BaseException | str) -> None:
    """`execora.error`, by the error's type: the class's name, never its text."""
    _ERRORS.add(1, {ERROR_TYPE: error if isinstance(error, str) else type(error).__name__})
