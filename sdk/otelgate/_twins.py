"""One model call that several instrumentations trace is one call: LangChain's, and what happens within it is its twin.

LangChain's span exists for every provider, and names the run that the call belongs to. A span that another
instrumentation makes of the same call is marked as it starts, so that LangChain's is counted, whichever arrives first.
The twin's token counts are added to LangChain's, which may lack some: those of a cache with a lifetime of an hour, or
all of them if the model is the application's own class.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from . import _guard, names

_CALL: Final = context.create_key("otelgate-model-call")
_MAX_CALLS: Final = 10_000
"""Calls whose twins have ended, and which have not; of abandoned ones the oldest are forgotten."""
_USAGE: Final = re.compile(r"(gen_ai\.usage|llm\.token_count|anthropic\.usage|otelgate\.usage)\..+")
_MODEL_CALLS: Final = frozenset(("chat", "text_completion", "generate_content"))


_lock = threading.Lock()
_usage: OrderedDict[str, dict[str, Any]] = OrderedDict()
"""Token counts of twins, by the id of the call's span."""


def within(call: Any, current: Context) -> Context:
    """`current` inside a model call with this span; None for what is not a model call, or is another one's."""
    return context.set_value(_CALL, call, current)


def mark(span: Any, current: Context | None = None) -> None:
    """Mark a model call's span if it starts within LangChain's span of the same call."""
    call = context.get_value(_CALL, current)
    if call is None or not call.is_recording():  # type: ignore[attr-defined]
        return
    outer, inner = call.get_span_context(), span.get_span_context()  # type: ignore[attr-defined]
    if outer.trace_id == inner.trace_id and outer.span_id != inner.span_id:
        span.set_attribute(names.OTELGATE_DUPLICATE_OF, format(outer.span_id, "016x"))


class Twins(SpanProcessor):
    """Marks spans within model calls, and keeps what they say of tokens."""

    @_guard.never_raises(None)
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if _is_model_call(span.attributes or {}):
            mark(span, parent_context)

    @_guard.never_raises(None)
    def on_end(self, span: ReadableSpan) -> None:
        attributes = span.attributes or {}
        call = attributes.get(names.OTELGATE_DUPLICATE_OF)
        if not isinstance(call, str):
            return
        with _lock:
            known = _usage.setdefault(call, {})
            for key, value in attributes.items():
                if isinstance(value, int | float) and _USAGE.fullmatch(key):
                    known[key] = known.get(key, 0) + value
            while len(_usage) > _MAX_CALLS:
                _usage.popitem(last=False)


@_guard.never_raises(None)
def complete(span: Any) -> None:
    """Add to a model call's span what its twins said of tokens. It says its own afterwards, under its own names."""
    span_id = format(span.get_span_context().span_id, "016x")
    with _lock:
        known = _usage.pop(span_id, {})
    span.set_attributes(known)


def _is_model_call(attributes: Mapping[str, Any]) -> bool:
    """As instrumentations say it when they start a span."""
    return (
        attributes.get(names.GEN_AI_OPERATION_NAME) in _MODEL_CALLS
        or attributes.get(names.OPENINFERENCE_SPAN_KIND) == "LLM"
        or attributes.get("llm.request.type") in ("chat", "completion")
    )
