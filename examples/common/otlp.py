"""Spans and events of the past as OTLP, as the gateway passes them on: priced, and with the time it got them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from otelgate.names import (
    ERROR_TYPE,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_TOOL_CALL_ARGUMENTS,
    GEN_AI_TOOL_CALL_RESULT,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    OTELGATE_CALL_RECEIVED_AT,
    OTELGATE_COST_PRICE_VERSION,
    OTELGATE_COST_STATUS,
    OTELGATE_COST_USD,
    OTELGATE_FEEDBACK_COMMENT,
    OTELGATE_RUN_RECEIVED_AT,
)

from . import prices
from .story import Log, Span, Story

BATCH = 2000
"""Records in one request."""
CONTENT = frozenset(
    (
        "input.value",
        "output.value",
        GEN_AI_TOOL_CALL_ARGUMENTS,
        GEN_AI_TOOL_CALL_RESULT,
        OTELGATE_FEEDBACK_COMMENT,
    )
)
"""Goes to the audit store alone."""
_SEVERITY = {"INFO": 9, "WARNING": 13, "ERROR": 17}


def finish(story: Story) -> None:
    """Give the spans what the gateway gives them: price, speed of the stream, and when it got them."""
    for span in story.spans:
        own = span.attributes
        match own.get(GEN_AI_OPERATION_NAME):
            case "chat" | "embeddings":
                cost = prices.price(own[GEN_AI_PROVIDER_NAME], own[GEN_AI_REQUEST_MODEL], span.start, own)
                own[OTELGATE_CALL_RECEIVED_AT] = _nanos(span.end)
                own[OTELGATE_COST_STATUS], own[OTELGATE_COST_PRICE_VERSION] = cost.status, prices.VERSION
                if cost.usd is not None:
                    own[OTELGATE_COST_USD] = cost.usd
                first, output = own.get(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK), own.get(GEN_AI_USAGE_OUTPUT_TOKENS)
                if output and first is not None and first < span.end - span.start:
                    own["otelgate.llm.output_rate"] = output / (span.end - span.start - first)
            case "invoke_agent":
                own[OTELGATE_RUN_RECEIVED_AT] = _nanos(span.end)


def trace_requests(
    spans: Iterable[Span], resource: Mapping[str, str], *, content: bool
) -> Iterator[ExportTraceServiceRequest]:
    """Requests of at most BATCH spans, in the order given."""
    coming = iter(spans)
    while batch := list(islice(coming, BATCH)):
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(_attributes(resource))
        resource_spans.scope_spans.add().spans.extend(_span(span, content) for span in batch)
        yield request


def log_requests(
    logs: Iterable[Log], resource: Mapping[str, str], *, content: bool
) -> Iterator[ExportLogsServiceRequest]:
    """Requests of at most BATCH log records, in the order given."""
    coming = iter(logs)
    while batch := list(islice(coming, BATCH)):
        request = ExportLogsServiceRequest()
        resource_logs = request.resource_logs.add()
        resource_logs.resource.attributes.extend(_attributes(resource))
        resource_logs.scope_logs.add().log_records.extend(_log(log, content) for log in batch)
        yield request


def _span(span: Span, content: bool) -> trace_pb2.Span:
    own = span.attributes if content else {key: own for key, own in span.attributes.items() if key not in CONTENT}
    found = trace_pb2.Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id or ""),
        name=span.name,
        kind=trace_pb2.Span.SPAN_KIND_CLIENT if span.client else trace_pb2.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=_nanos(span.start),
        end_time_unix_nano=_nanos(span.end),
        attributes=_attributes(own),
    )
    if span.error:
        found.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        found.attributes.extend(_attributes({ERROR_TYPE: span.error}))
    return found


def _log(log: Log, content: bool) -> logs_pb2.LogRecord:
    own = log.attributes if content else {key: own for key, own in log.attributes.items() if key not in CONTENT}
    found = logs_pb2.LogRecord(
        time_unix_nano=_nanos(log.at),
        observed_time_unix_nano=_nanos(log.at),
        severity_number=_SEVERITY[log.severity],  # type: ignore[arg-type]
        severity_text=log.severity,
        event_name=log.event or "",
        attributes=_attributes(own),
        trace_id=bytes.fromhex(log.trace_id or ""),
        span_id=bytes.fromhex(log.span_id or ""),
    )
    if log.body:
        found.body.string_value = log.body
    return found


def _attributes(own: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in own.items()]


def _value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
        case _:
            return AnyValue(string_value=str(value))


def _nanos(at: float) -> int:
    return round(at * 1e6) * 1000
