"""Decodes a span to a run, a model call or a tool call, with its content; other spans are ignored."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson
from otelgate.names import (
    ERROR_TYPE,
    EXCEPTION_MESSAGE,
    EXCEPTION_TYPE,
    GEN_AI_AGENT_NAME,
    GEN_AI_CONVERSATION_ID,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_FINISH_REASONS,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_TOOL_NAME,
    GEN_AI_USAGE_CACHE_READ,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    GEN_AI_USAGE_REASONING,
    OPENINFERENCE_SPAN_KIND,
    OTELGATE_CALL_RECEIVED_AT,
    OTELGATE_CANCELLED,
    OTELGATE_COST_PRICE_VERSION,
    OTELGATE_COST_STATUS,
    OTELGATE_COST_USD,
    OTELGATE_DUPLICATE_OF,
    OTELGATE_FEATURE,
    OTELGATE_RUN_RECEIVED_AT,
    OTELGATE_TIER,
    SESSION_ID,
    USER_ID,
)

from ..model.records import PICO_PER_USD, Batch, Identity, ModelCall, Run, Text, ToolCall
from . import content, wire
from .values import (
    MAX_INT,
    MAX_NAME,
    MAX_USD,
    Attributes,
    InvalidValue,
    bounded,
    label,
    name,
    number,
    plain,
    text,
    time_us,
    whole,
)

RUNS: Final = {b"invoke_agent": "invoke_agent", b"invoke_workflow": "invoke_workflow", b"chain": "chain"}
MODEL_CALLS: Final = {
    b"chat": "chat",
    b"text_completion": "text_completion",
    b"generate_content": "generate_content",
    b"embeddings": "embeddings",
}
TOOL_CALL: Final = b"execute_tool"

_OPERATION: Final = GEN_AI_OPERATION_NAME
_KIND: Final = OPENINFERENCE_SPAN_KIND
_RUN_RECEIVED: Final = OTELGATE_RUN_RECEIVED_AT
_CALL_RECEIVED: Final = OTELGATE_CALL_RECEIVED_AT
_ERROR: Final = 2
_TRACEBACK: Final = "Traceback (most recent call last)"
_MAX_FIRST_CHUNK_S: Final = 31 * 86_400

_Common = tuple[
    int,
    str,
    str,
    str | None,
    str,
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
    int,
    str,
    bool,
    str | None,
    str | None,
]
"""The columns that runs, model calls and tool calls share, in the tables' order: start_time to duplicate_of."""
_DURATION: Final = 11
"""Index of duration_us in them."""


class Source(NamedTuple):
    """The service and application of records; without tokens by application, the gateway sets no application."""

    service: str
    environment: str | None
    application: str | None = None

    def own(self, given: str) -> str:
        """The id of a trace or record among those of the source's application: `4bf92f…@shop`.

        So a record of another application with the same id belongs to another trace, and changes no row of this one.
        """
        return given if self.application is None else f"{given}@{self.application}"


def take(raw: bytes, source: Source, now_us: int, batch: Batch) -> bool:
    """Add the record of a span to the batch; False if the sink does not store this span.

    Raises InvalidValue if it can't be stored, and DecodeError if the bytes are not a span; the batch is then unchanged.
    """
    span = wire.Span.FromString(raw)
    attributes = span.attributes
    operation = _operation(attributes)
    if operation in MODEL_CALLS:
        common = _common(span, attributes, source, now_us)
        _take_model_call(common, MODEL_CALLS[operation], span, attributes, now_us, batch)
    elif operation in RUNS:
        _take_run(_common(span, attributes, source, now_us), RUNS[operation], span, attributes, now_us, batch)
    elif operation == TOOL_CALL:
        _take_tool_call(_common(span, attributes, source, now_us), span, attributes, batch)
    else:
        return False
    return True


def identity(raw: bytes, now_us: int) -> Identity:
    """The span's identity, and the gateway's counts of it, as far as it can be read."""
    try:
        span = wire.Span.FromString(raw)
    except wire.DecodeError:
        return Identity()
    attributes = span.attributes
    operation, counted = _operation(attributes), OTELGATE_DUPLICATE_OF not in attributes
    run, call = counted and operation == b"invoke_agent", counted and operation in MODEL_CALLS
    return Identity(
        span.trace_id[:16].hex() or None,
        span.span_id[:8].hex() or None,
        run,
        call,
        _readable(_cost, attributes) if call else None,
        _readable(_received, attributes, _CALL_RECEIVED if call else _RUN_RECEIVED, now_us) if call or run else None,
    )


def _readable(read: Callable[..., int | None], *given: Any) -> int | None:
    try:
        return read(*given)
    except InvalidValue:
        return None


def _operation(attributes: Attributes) -> bytes:
    """`chain` for a framework's outer chain; empty if there is none."""
    found = attributes.get(_OPERATION)
    if found is not None:
        operation: bytes = found.string_value
        return operation if operation != b"chain" else b""
    kind = attributes.get(_KIND)
    if kind is None or kind.string_value != b"CHAIN":
        return b""
    return b"" if _is_step(attributes) else b"chain"


def _is_step(attributes: Attributes) -> bool:
    """Whether a chain is a step inside a graph: LangGraph marks it in OpenInference's metadata."""
    metadata = attributes.get("metadata")
    if metadata is None or b"langgraph_node" not in metadata.string_value:
        return False
    try:
        found = orjson.loads(metadata.string_value)
    except orjson.JSONDecodeError:
        return True
    return isinstance(found, dict) and "langgraph_node" in found


def _take_run(common: _Common, operation: str, span: Any, attributes: Attributes, now_us: int, batch: Batch) -> None:
    received_at = _received(attributes, _RUN_RECEIVED, now_us)
    _take_text(common, span, *_words(span, attributes), batch)
    # Only the gateway stamps it, and only for agents' runs; for others, use the sink's time of receipt.
    batch.runs.append(Run(*common, operation, now_us if received_at is None else received_at))


def _received(attributes: Attributes, key: str, now_us: int) -> int | None:
    """The gateway's stamp, in microseconds since 1970."""
    received_ns = whole(attributes, key, high=MAX_INT)
    return None if received_ns is None else time_us(received_ns, now_us, key)


def _cost(attributes: Attributes) -> int | None:
    """In pico-dollars."""
    cost_usd = number(attributes, OTELGATE_COST_USD, 0, MAX_USD)
    return None if cost_usd is None else round(cost_usd * PICO_PER_USD)


def _take_model_call(
    common: _Common, operation: str, span: Any, attributes: Attributes, now_us: int, batch: Batch
) -> None:
    first_chunk_us = _first_chunk(attributes, common[_DURATION])
    call = ModelCall(
        *common,
        operation,
        label(attributes, GEN_AI_PROVIDER_NAME),
        label(attributes, GEN_AI_REQUEST_MODEL),
        label(attributes, GEN_AI_RESPONSE_MODEL),
        whole(attributes, GEN_AI_USAGE_INPUT_TOKENS),
        whole(attributes, GEN_AI_USAGE_OUTPUT_TOKENS),
        whole(attributes, GEN_AI_USAGE_CACHE_READ),
        whole(attributes, "gen_ai.usage.cache_creation.input_tokens"),
        whole(attributes, GEN_AI_USAGE_REASONING),
        first_chunk_us,
        _cost(attributes),
        label(attributes, OTELGATE_COST_STATUS),
        label(attributes, OTELGATE_COST_PRICE_VERSION),
        _finish_reason(attributes),
        _received(attributes, _CALL_RECEIVED, now_us),
    )
    # The input of an embedding is not a question.
    asked, answered = (None, None) if operation == "embeddings" else _words(span, attributes)
    _take_text(common, span, asked, answered, batch)
    batch.model_calls.append(call)


def _first_chunk(attributes: Attributes, duration_us: int) -> int | None:
    """Microseconds; None if as long as the call or longer: nothing streamed, or the unit is another."""
    seconds = number(attributes, GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, 0, _MAX_FIRST_CHUNK_S)
    if seconds is None or seconds * 1_000_000 >= duration_us:
        return None
    return round(seconds * 1_000_000)


def _take_tool_call(common: _Common, span: Any, attributes: Attributes, batch: Batch) -> None:
    words = content.tool(attributes)
    tool = label(attributes, GEN_AI_TOOL_NAME) or _tool_in(span.name)
    call_id = name(attributes, "gen_ai.tool.call.id")
    if call_id is None and words.call_id is not None:
        call_id = bounded(words.call_id.encode(), "tool_call_id")
    call = ToolCall(*common, tool, call_id)
    _take_text(common, span, words.arguments, words.result, batch)
    batch.tool_calls.append(call)


def _take_text(common: _Common, span: Any, asked: str | None, answered: str | None, batch: Batch) -> None:
    message = _error_message(span) if span.status.code == _ERROR else None
    if asked is not None or answered is not None or message is not None:
        start_time, trace_id, span_id = common[:3]
        batch.texts[(start_time, trace_id, span_id)] = Text(start_time, trace_id, span_id, asked, answered, message)


def _common(span: Any, attributes: Attributes, source: Source, now_us: int) -> _Common:
    start_ns, end_ns = span.start_time, span.end_time
    start_time = time_us(start_ns, now_us, "start_time")
    duration_us = 0  # if the clock was set back, or the span has no end
    if end_ns > start_ns:
        time_us(end_ns, now_us, "end_time")
        duration_us = (end_ns - start_ns) // 1000
    failed = span.status.code == _ERROR
    return (
        start_time,
        source.own(_id(span.trace_id, 16, "trace_id")),
        _id(span.span_id, 8, "span_id"),
        _parent(span.parent_span_id),
        source.service,
        source.environment,
        label(attributes, GEN_AI_AGENT_NAME),
        name(attributes, SESSION_ID) or name(attributes, GEN_AI_CONVERSATION_ID),
        name(attributes, USER_ID),
        label(attributes, OTELGATE_TIER),
        label(attributes, OTELGATE_FEATURE),
        duration_us,
        "error" if failed else "ok",
        not failed and _is_cancelled(attributes),
        _error_type(span, attributes),
        name(attributes, OTELGATE_DUPLICATE_OF),
    )


def _is_cancelled(attributes: Attributes) -> bool:
    """Cancelled work is no error: the gateway and the SDK mark it."""
    mark = attributes.get(OTELGATE_CANCELLED)
    return mark is not None and mark.bool_value


def _id(raw: bytes, size: int, what: str) -> str:
    if len(raw) != size:
        raise InvalidValue(f"{what} of {len(raw)} bytes: expected {size}")
    if raw.count(0) == size:
        raise InvalidValue(f"{what} {raw.hex()}: expected one that is not all zeros")
    return raw.hex()


def _parent(raw: bytes) -> str | None:
    if not raw or raw == bytes(8):
        return None
    return _id(raw, 8, "parent_span_id")


def _words(span: Any, attributes: Attributes) -> tuple[str | None, str | None]:
    asked, answered = content.question(attributes), content.reply(attributes)
    if asked is None and answered is None and span.events:
        merged = content.with_events(attributes, span.events)
        if merged is not attributes:
            return content.question(merged), content.reply(merged)
    return asked, answered


def _finish_reason(attributes: Attributes) -> str | None:
    """The finish reason of the first choice."""
    attribute = attributes.get(GEN_AI_RESPONSE_FINISH_REASONS)
    return None if attribute is None else _first(attribute.SerializeToString())


@functools.lru_cache(maxsize=256)
def _first(raw: bytes) -> str | None:
    key = GEN_AI_RESPONSE_FINISH_REASONS
    reasons = plain(wire.AnyValue.FromString(raw), key)
    first = reasons[0] if isinstance(reasons, list) and reasons else reasons
    return bounded(first.encode(), key) if isinstance(first, str) and first else None


def _tool_in(span_name: bytes) -> str:
    """A tool's name if only the span's name has it: `execute_tool NAME`."""
    return bounded(span_name.removeprefix(b"execute_tool").strip(), "name") or "unknown"


def _error_type(span: Any, attributes: Attributes) -> str | None:
    """Truncate rather than refuse: some instrumentations put the whole message there."""
    found = attributes.get(ERROR_TYPE)
    if found is not None:
        return text(found.string_value)[:MAX_NAME] or None
    return _exception(span)[0] if span.status.code == _ERROR else None


def _error_message(span: Any) -> str | None:
    """The error's text, without a traceback."""
    found = _exception(span)[1] or text(span.status.message)
    return found.partition(_TRACEBACK)[0].strip() or None


def _exception(span: Any) -> tuple[str | None, str | None]:
    """Type and message of the last exception event."""
    for raw in reversed(span.events):
        if b"exception" not in raw:
            continue
        try:
            event = wire.Event.FromString(raw)
        except wire.DecodeError:
            continue  # the status still shows that the span failed
        if event.name == b"exception":
            attributes = event.attributes
            kind, message = attributes.get(EXCEPTION_TYPE), attributes.get(EXCEPTION_MESSAGE)
            return (
                text(kind.string_value)[:MAX_NAME] or None if kind is not None else None,
                text(message.string_value) or None if message is not None else None,
            )
    return None, None
