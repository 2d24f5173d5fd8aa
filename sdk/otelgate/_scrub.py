"""Spans and log records as they leave the process: without message content when that is off."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status, StatusCode

from . import _cancelled, _content, _guard, names

_DEBUG_MAX = 8  # severity numbers 1 to 8 are TRACE and DEBUG


class _Span(ReadableSpan):
    """A copy that still knows how much the SDK's limits dropped."""

    def __init__(self, span: ReadableSpan, *, content: bool) -> None:
        self._dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)
        attributes, events, links = dict(span.attributes or {}), list(span.events), list(span.links)
        status = span.status
        if not content:
            scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
            strict = _content.is_generative(scope, attributes)
            attributes = _content.attributes(attributes, strict=strict)
            events = [_event(event, strict) for event in events]
            links = [Link(link.context, _content.attributes(link.attributes, strict=strict)) for link in links]
            status = _status(status, events)
        if _cancelled.is_cancelled(span):
            attributes, events = _cancelled.attributes(attributes), _cancelled.events(events)
            status = Status(StatusCode.UNSET)
        super().__init__(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=events,
            links=links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]


def _event(event: Event, strict: bool) -> Event:
    return Event(event.name, _content.attributes(event.attributes, strict=strict), event.timestamp)


def _status(status: Status, events: Sequence[Event]) -> Status:
    """The status with the exception's type in place of its text."""
    if status.status_code is not StatusCode.ERROR:
        return Status(status.status_code)
    for event in reversed(events):
        kind = event.attributes.get(names.EXCEPTION_TYPE) if event.attributes else None
        if isinstance(kind, str):
            return Status(StatusCode.ERROR, kind)
    return Status(StatusCode.ERROR)


def spans(batch: Sequence[ReadableSpan], *, content: bool) -> list[ReadableSpan]:
    """`batch` as it leaves the process: without content, unless that is on; cancelled spans have no error status.

    A span that can't be cleaned is left out.
    """
    cleaned: list[ReadableSpan] = []
    for span in batch:
        try:
            cleaned.append(span if content and not _cancelled.is_cancelled(span) else _Span(span, content=content))
        except Exception:
            _guard.report("removing message content from a span")
    return cleaned


def logs(batch: Sequence[ReadableLogRecord]) -> list[ReadableLogRecord]:
    """Copies of `batch` without content. A record that can't be cleaned is left out."""
    cleaned: list[ReadableLogRecord] = []
    for record in batch:
        try:
            cleaned.append(_log(record))
        except Exception:
            _guard.report("removing message content from a log record")
    return cleaned


def _log(readable: ReadableLogRecord) -> ReadableLogRecord:
    """A record's own text is the application's and stays; that of a GenAI event or framework is a message, and goes."""
    record = copy.copy(readable.log_record)
    scope = readable.instrumentation_scope.name if readable.instrumentation_scope else ""
    event_name = record.event_name or str((record.attributes or {}).get("event.name", ""))
    is_generative = _content.is_generative(scope, record.attributes or ())
    record.attributes = _content.attributes(record.attributes, strict=is_generative)
    severity = record.severity_number.value if record.severity_number is not None else 0
    is_request_dump = 0 < severity <= _DEBUG_MAX and _content.is_chatty(scope)
    is_message = is_generative and record.body is not None and not isinstance(record.body, str)
    is_message = is_message or event_name.startswith(names.GEN_AI_PREFIX) or _content.prints_prompts(scope)
    if is_request_dump or is_message:
        record.body = None
    return ReadableLogRecord(
        log_record=record,
        resource=readable.resource,
        instrumentation_scope=readable.instrumentation_scope,
        limits=readable.limits,
    )
