"""A trace as the stores answer it: OTLP JSON, flattened to one small dataclass per span."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ERROR_CODES = {2, "STATUS_CODE_ERROR"}
_OK_CODES = {1, "STATUS_CODE_OK"}


@dataclass(frozen=True)
class Event:
    """A span event; `time_ns` is Unix time in nanoseconds."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """One span. Ids are lower-case hex, `parent_id` is "" for a root, times are Unix nanoseconds.

    `status` is "unset", "ok" or "error". Attribute values are str, int, float, bool, bytes, list or dict.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    status: str = "unset"
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Event] = ()
    scope: str = ""
    service: str = ""
    resource: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """How long the span took, in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


def from_otlp_json(document: Mapping[str, Any]) -> list[Span]:
    """All spans of an OTLP JSON document (its `resourceSpans`), earliest first.

    Takes both spellings that stores use: hex ids and numbered enums (the OTLP specification, Jaeger), base64 ids
    and named enums (protobuf's own JSON mapping, Tempo).
    """
    return sorted(_spans(document), key=lambda span: (span.start_ns, -span.end_ns, span.span_id))


def _spans(document: Mapping[str, Any]) -> Iterator[Span]:
    for group in document.get("resourceSpans", []):
        resource = _attributes(group.get("resource", {}).get("attributes"))
        for scoped in group.get("scopeSpans", []):
            scope = scoped.get("scope", {}).get("name", "")
            for raw in scoped.get("spans", []):
                yield _span(raw, scope, resource)


def _span(raw: Mapping[str, Any], scope: str, resource: Mapping[str, Any]) -> Span:
    status = raw.get("status") or {}
    return Span(
        trace_id=_hex(raw["traceId"], 16),
        span_id=_hex(raw["spanId"], 8),
        parent_id=_hex(raw.get("parentSpanId", ""), 8),
        name=raw.get("name", ""),
        start_ns=int(raw.get("startTimeUnixNano", 0)),
        end_ns=int(raw.get("endTimeUnixNano", 0)),
        status=_status(status.get("code")),
        status_message=status.get("message", ""),
        attributes=_attributes(raw.get("attributes")),
        events=tuple(sorted(map(_event, raw.get("events", [])), key=lambda event: event.time_ns)),
        scope=scope,
        service=str(resource.get("service.name", "")),
        resource=resource,
    )


def _event(raw: Mapping[str, Any]) -> Event:
    return Event(raw.get("name", ""), int(raw.get("timeUnixNano", 0)), _attributes(raw.get("attributes")))


def _status(code: int | str | None) -> str:
    if code in _ERROR_CODES:
        return "error"
    return "ok" if code in _OK_CODES else "unset"


def _hex(value: str, size: int) -> str:
    """`value` as hex: as it is when it has the length of `size` bytes in hex, else decoded from base64."""
    if not value or len(value) == 2 * size:
        return value.lower()
    return base64.b64decode(value).hex()


def _attributes(pairs: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs or []}


def _value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        match kind:
            case "intValue":
                return int(content)
            case "doubleValue":
                return float(content)
            case "bytesValue":
                return base64.b64decode(content)
            case "arrayValue":
                return [_value(item) for item in content.get("values", [])]
            case "kvlistValue":
                return _attributes(content.get("values"))
            case _:
                return content
    return ""
