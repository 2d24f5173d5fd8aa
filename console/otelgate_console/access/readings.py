"""Records each reading of content as an event in the audit store, before the content is read."""

import time
import uuid
from typing import Final, Protocol

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from otelgate import names
from starlette.concurrency import run_in_threadpool

from .accounts import Account

SERVICE: Final = "otelgate-console"
EVENT: Final = "content.read"
"""The event's name, `otelgate.event.name`, in audit.events."""
_TIMEOUT_S: Final = 3.0


class Recorder(Protocol):
    """Records who reads which content."""

    async def record(self, reader: Account, kind: str, of: str) -> bool:
        """Whether it is recorded; only then may the content be shown. `kind`: turn, session, search or export."""
        ...


class Readings:
    """Sends each reading to the gateway, which has it on disk when this returns."""

    def __init__(self, exporter: LogRecordExporter) -> None:
        self._exporter = exporter

    @classmethod
    def to_gateway(cls, endpoint: str) -> "Readings":
        """By OTLP over gRPC."""
        return cls(OTLPLogExporter(endpoint=endpoint, timeout=_TIMEOUT_S))

    async def record(self, reader: Account, kind: str, of: str) -> bool:
        sent = [event(reader, kind, of, time.time_ns())]
        return await run_in_threadpool(self._exporter.export, sent) is LogRecordExportResult.SUCCESS


def event(reader: Account, kind: str, of: str, time_ns: int) -> ReadableLogRecord:
    """The event of a reading; that of a turn belongs to the turn's trace."""
    context = Context()
    if kind == "turn" and (found := of.partition("@")[0]) and len(found) == 32:
        span = SpanContext(int(found, 16), trace.INVALID_SPAN_ID, True, TraceFlags(0))
        context = trace.set_span_in_context(NonRecordingSpan(span), context)
    log = LogRecord(
        timestamp=time_ns,
        observed_timestamp=time_ns,
        context=context,
        severity_number=SeverityNumber.INFO,
        attributes={
            names.OTELGATE_EVENT_NAME: EVENT,
            names.USER_ID: reader.name,
            names.LOG_RECORD_UID: str(uuid.uuid4()),
            "role": reader.role.name.lower(),
            "kind": kind,
            "of": of,
        },
        event_name=EVENT,
    )
    scope = InstrumentationScope(names.SCOPE)
    return ReadableLogRecord(log, Resource({SERVICE_NAME: SERVICE}), instrumentation_scope=scope)
