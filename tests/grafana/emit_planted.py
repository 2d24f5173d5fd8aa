"""An application in a separate process: it emits log lines, product events, votes, every instrument it has.

python emit_planted.py SERVICE      OTEL_* say where to
"""

import logging
import sys
import time
from typing import Any

import otelgate
import planted_lines
from opentelemetry import metrics, trace
from otelgate_grafana import names

# Values of attributes that are no free choice: labels are compared with them.
VALUES = {
    "http.request.method": "GET",
    "http.route": "/search",
    "http.response.status_code": 500,
    "db.system.name": "postgresql",
    "db.operation.name": "SELECT",
    "pool.name": "osool",
    "state": "used",
    "type": "user",
    "osool.circuit_breaker.name": "paymob",
    "osool.liquidity.pool.id": "pool-7",
    "hw.id": "gpu0",
    "hw.name": "A100",
    "reason": "error",
    "error.type": "timeout",
}
# The name in SQLAlchemy's instrumentation; the gateway renames it.
EMITTED_AS = {"db.client.connection.count": ("db.client.connections.usage", "connections")}


def main(service: str) -> None:
    otelgate.init()
    logging.getLogger().setLevel(logging.INFO)
    _log(service)
    _votes(service)
    made = [_made(instrument) for instrument in names.INSTRUMENTS]
    for _ in range(3):
        for record, attributes in made:
            record(2.0, attributes)
        for event in names.EVENTS:
            _happened(event)
        otelgate.flush(10)
        time.sleep(1.2)  # a separate sample


def _log(service: str) -> None:
    logger, tracer = logging.getLogger("shop"), trace.get_tracer("shop")
    for line in planted_lines.LINES:
        if line.service != service:
            continue
        level = logging.getLevelNamesMapping()[line.level]
        error = {"TimeoutError": TimeoutError, "ValueError": ValueError}.get(line.raised)
        cause = error("said by a user") if error else None
        if line.traced:
            with tracer.start_as_current_span("request"):
                logger.log(level, line.text, extra=line.extra, exc_info=cause)
        else:
            logger.log(level, line.text, extra=line.extra, exc_info=cause)


def _votes(service: str) -> None:
    if service == planted_lines.VOTE_BY:
        otelgate.feedback("positive", trace_id="1" * 32)
        otelgate.feedback("negative", trace_id="2" * 32)


def _happened(event: names.Event) -> None:
    attributes = {name: values[0] for name, values in event.attributes if values}
    value = {"value": 2.0, "unit": event.unit} if event.unit else {}
    otelgate.event(event.name, **value, **attributes)


def _made(instrument: names.Instrument) -> tuple[Any, dict[str, Any]]:
    """How to record a value, and its attributes."""
    meter = metrics.get_meter("shop")
    name, unit = EMITTED_AS.get(instrument.name, (instrument.name, instrument.unit))
    attributes = {attribute: VALUES[attribute] for attribute in instrument.attributes}
    if instrument.kind == "histogram":
        bounds = list(instrument.bounds)
        return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=bounds).record, attributes
    if instrument.kind == "gauge":
        return meter.create_gauge(name, unit).set, attributes
    make = meter.create_counter if instrument.kind == "counter" else meter.create_up_down_counter
    return make(name, unit).add, attributes


if __name__ == "__main__":
    main(sys.argv[1])
