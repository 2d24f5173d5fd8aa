"""A process that counts with OpenTelemetry's own SDK until it is told to end; says that it begins, and how much it was.

python counting.py ENDPOINT SERVICE delta|cumulative [INSTANCE_ID]
"""

import random
import signal
import sys
import threading

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

INTERVAL_MS = 1000
PATIENCE_S = 120
"""For how long the SDK tries again: it must outlast a gateway that starts on a busy machine."""


def main(endpoint: str, service: str, temporality: str, instance_id: str = "") -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    preferred = AggregationTemporality.DELTA if temporality == "delta" else AggregationTemporality.CUMULATIVE
    exporter = OTLPMetricExporter(
        endpoint,
        insecure=True,
        timeout=PATIENCE_S,
        preferred_temporality={Counter: preferred, Histogram: preferred},
    )
    reader = PeriodicExportingMetricReader(exporter, INTERVAL_MS, PATIENCE_S * 1000)
    resource = {"service.name": service, **({"service.instance.id": instance_id} if instance_id else {})}
    provider = MeterProvider([reader], Resource(resource))
    meter = provider.get_meter("counting")
    counter, histogram = meter.create_counter("counting.steps"), meter.create_histogram("counting.size")
    print("counting", flush=True)
    counted = 0
    while not ended.wait(random.uniform(0.01, 0.05)):
        more = random.randrange(1, 10)
        counter.add(more)
        histogram.record(more)
        counted += more
    provider.shutdown(PATIENCE_S * 1000)
    print(counted, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
