"""A vote as an OpenTelemetry log event, the same as the SDK's `feedback()`, sent to the gateway immediately."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from opentelemetry.trace import NonRecordingSpan, SpanContext
from otelgate import names

from .tokens import Claims
from .votes import Vote

TIMEOUT_S: Final = 3.0
"""Time limit for one event, after which its sender is asked to retry."""

_ENVIRONMENT: Final = "deployment.environment.name"
_SCOPE: Final = InstrumentationScope(names.SCOPE)


class Emitter:
    """Sends one event at a time; from any thread."""

    def __init__(self, exporter: LogRecordExporter) -> None:
        self._exporter = exporter
        # On UNAVAILABLE the exporter closes its channel, which other calls may still be using.
        self._lock = threading.Lock()
        self.gateway = "not asked yet"
        """The gateway's last answer: ok, away, or not asked yet."""

    @classmethod
    def to_gateway(cls, endpoint: str) -> Emitter:
        """By OTLP over gRPC."""
        return cls(OTLPLogExporter(endpoint=endpoint, timeout=TIMEOUT_S))

    def send(self, claims: Claims, vote: Vote) -> bool:
        """Whether the gateway accepted the vote; returns within twice TIMEOUT_S."""
        return self.export(record(claims, vote))

    def export(self, event: ReadableLogRecord) -> bool:
        """Whether the gateway accepted the event; returns within twice TIMEOUT_S."""
        if not self._lock.acquire(timeout=TIMEOUT_S):
            return False
        try:
            taken = self._exporter.export([event]) is LogRecordExportResult.SUCCESS
        finally:
            self._lock.release()
        self.gateway = "ok" if taken else "away"
        return taken

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def record(claims: Claims, vote: Vote) -> ReadableLogRecord:
    """The log event of a vote, with the service that the token names as its resource."""
    found: dict[str, str | int | None] = {
        names.OTELGATE_FEEDBACK_RATING: vote.rating.word,
        names.OTELGATE_FEEDBACK_SCORE: vote.rating.points,
        names.OTELGATE_FEEDBACK_COMMENT: vote.comment,
        names.USER_ID: claims.sub,
        names.SESSION_ID: claims.sid,
        names.GEN_AI_AGENT_NAME: claims.agent,
        names.OTELGATE_TIER: claims.tier,
        names.OTELGATE_FEATURE: claims.feature,
        names.LOG_RECORD_UID: vote.uid,
    }
    # A comment is meant for the readers of votes, so it is stored, masked, as from a sender that opted in.
    resource = {SERVICE_NAME: claims.svc, _ENVIRONMENT: claims.env, names.OTELGATE_CONTENT: "true"}
    return log_event(names.EVENT_FEEDBACK, found, resource, claims.trace_id, vote.time_ns)


def log_event(
    name: str,
    attributes: Mapping[str, str | int | None],
    resource: Mapping[str, str | None],
    trace_id: str | None,
    time_ns: int,
) -> ReadableLogRecord:
    """An event of a trace, 32 hexadecimal digits, or of none; attributes without a value are left out."""
    context = Context()
    if trace_id:
        span = SpanContext(int(trace_id, 16), trace.INVALID_SPAN_ID, is_remote=True)
        context = trace.set_span_in_context(NonRecordingSpan(span), context)
    log = LogRecord(
        timestamp=time_ns,
        observed_timestamp=time_ns,
        context=context,
        severity_number=SeverityNumber.INFO,
        attributes={key: value for key, value in attributes.items() if value is not None},
        event_name=name,
    )
    of = Resource({key: value for key, value in resource.items() if value})
    return ReadableLogRecord(log, of, instrumentation_scope=_SCOPE)
