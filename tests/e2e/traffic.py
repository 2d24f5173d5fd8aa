"""Steady traffic through the SDK, which records its acknowledged data: run by the outage tests.

    python traffic.py RECORD     until its standard input is closed, then flushes and prints its totals as JSON

RECORD gets one line for each span ("span TRACE_ID SPAN_ID") and each log record ("log NUMBER") whose export the
gateway acknowledged.
"""

import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

import otelgate
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

SPANS_PER_TRACE = 10
PAUSE_S = 0.5


def record_acknowledged(exporter: Any, path: Path, line_of: Any) -> None:
    """Make `exporter.export` note each item of a batch that it exported successfully."""
    export, lock = exporter.export, threading.Lock()

    def recording(self: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
        result = export(self, batch, *args, **kwargs)
        if result.name == "SUCCESS":
            with lock, path.open("a") as file:
                file.writelines(line for item in batch if (line := line_of(item)))
        return result

    exporter.export = recording


def span_line(span: Any) -> str:
    return f"span {span.context.trace_id:032x} {span.context.span_id:016x}\n"


def log_line(data: Any) -> str:
    record = data.log_record
    number = (record.attributes or {}).get("number")
    return "" if number is None else f"log {number}\n"


def main() -> None:
    path = Path(sys.argv[1])
    record_acknowledged(OTLPSpanExporter, path, span_line)
    record_acknowledged(OTLPLogExporter, path, log_line)
    otelgate.init()
    logging.getLogger("traffic").setLevel(logging.INFO)
    tracer = trace.get_tracer("traffic")
    counter = metrics.get_meter("traffic").create_counter("traffic.steps", unit="{step}")
    closed = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
    steps = 0
    while not closed.wait(PAUSE_S):
        with tracer.start_as_current_span("traffic"):
            for _ in range(SPANS_PER_TRACE - 1):
                with tracer.start_as_current_span("step"):
                    steps += 1
                    counter.add(1)
                    logging.getLogger("traffic").info("step %d", steps, extra={"number": steps})
    flushed = otelgate.flush()
    print(json.dumps({"steps": steps, "flushed": flushed, "ended": time.time()}))


if __name__ == "__main__":
    main()
