"""A process that counts with OpenTelemetry's own SDK until it is ended; prints its start and the total.

python counting.py ENDPOINT SERVICE delta|cumulative [INSTANCE_ID]
"""

import faulthandler
import random
import signal
import sys
import time
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

INTERVAL_MS = 1000
ANSWER_S = 120
"""For how long a request waits for its answer, and is sent again."""
END_MS = 24 * 3600 * 1000
"""For how long the end waits for the last request: the test decides when that is too long."""
STACKS = signal.SIGUSR1
"""At which the process writes its stacks."""


class Exporter(OTLPMetricExporter):
    """Sends a request until it is taken; the SDK gives up after six times, half a minute if the gateway is away."""

    def export(self, metrics_data: MetricsData, *args: Any, **kwargs: Any) -> MetricExportResult:
        while (result := super().export(metrics_data, *args, **kwargs)) is not MetricExportResult.SUCCESS:
            time.sleep(INTERVAL_MS / 1000)
        return result


def main(endpoint: str, service: str, temporality: str, instance_id: str = "") -> None:
    faulthandler.register(STACKS)
    # Blocked before any thread is made, and taken by `sigtimedwait`. A handler that sets the event that the loop waits
    # for would hang where it interrupts the loop while that holds the event's lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    preferred = AggregationTemporality.DELTA if temporality == "delta" else AggregationTemporality.CUMULATIVE
    exporter = Exporter(
        endpoint,
        insecure=True,
        timeout=ANSWER_S,
        preferred_temporality={Counter: preferred, Histogram: preferred},
    )
    reader = PeriodicExportingMetricReader(exporter, INTERVAL_MS)
    resource = {"service.name": service, **({"service.instance.id": instance_id} if instance_id else {})}
    provider = MeterProvider([reader], Resource(resource))
    meter = provider.get_meter("counting")
    counter, histogram = meter.create_counter("counting.steps"), meter.create_histogram("counting.size")
    print("counting", flush=True)
    counted = 0
    while not signal.sigtimedwait((signal.SIGTERM,), random.uniform(0.01, 0.05)):
        more = random.randrange(1, 10)
        counter.add(more)
        histogram.record(more)
        counted += more
    provider.shutdown(END_MS)
    print(counted, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
