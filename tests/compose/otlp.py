"""Sends one span, one log record and one metric through a gateway, by the OTLP exporters that applications use."""

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otelgate_stack import clients
from otelgate_stack.settings import Settings
from waiting import until


@dataclass(frozen=True)
class Sent:
    """The data to look for; `number` is unique, it is an attribute of the log record and the metric's value."""

    trace_id: str
    number: int


def send(settings: Settings, *, ca: Path | None = None, token: str | None = None) -> Sent:
    """One of each signal: trace and log over gRPC, metric over HTTP. Returns when the gateway has taken all three."""
    resource = Resource({"service.name": "compose-test"})
    scheme = "https" if ca else "http"
    metadata = {"authorization": f"Bearer {token}"} if token else {}
    channel = {
        "endpoint": f"{scheme}://localhost:{settings.grpc_port}",
        "headers": metadata,
        "credentials": grpc.ssl_channel_credentials(ca.read_bytes()) if ca else None,
    }
    number = secrets.randbelow(10**9)

    tracer = TracerProvider(resource=resource)
    tracer.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(**channel)))
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(**channel)))
    exporter = OTLPMetricExporter(
        f"{scheme}://localhost:{settings.http_port}/v1/metrics",
        headers=metadata,
        certificate_file=str(ca) if ca else None,
    )
    meter = MeterProvider([PeriodicExportingMetricReader(exporter, float("inf"))], resource)

    logger = logging.Logger("compose-test")
    logger.addHandler(LoggingHandler(logger_provider=logs))
    with tracer.get_tracer("test").start_as_current_span("compose span") as span:
        logger.warning("compose line", extra={"number": number})
    meter.get_meter("test").create_gauge("compose.test").set(number)
    for provider in (tracer, logs, meter):
        provider.force_flush()
        provider.shutdown()
    return Sent(f"{span.get_span_context().trace_id:032x}", number)


def missing(settings: Settings, sent: Sent, *names: str) -> list[str]:
    """Those of these stores that don't answer with what was sent, after three minutes each; none, as soon as all do."""
    look = {
        "prometheus": lambda: clients.Prometheus.of(settings).value(f"compose_test == {sent.number}"),
        "loki": lambda: clients.Loki.of(settings).query_range(
            f'{{service_name="compose-test"}} |= "compose line" | number="{sent.number}"'
        ),
        "tempo": lambda: clients.Tempo.of(settings).trace(sent.trace_id),
        "jaeger": lambda: clients.Jaeger.of(settings).trace(sent.trace_id),
    }
    return [name for name in names if not until(look[name], deadline_s=180)]
