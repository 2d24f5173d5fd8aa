"""The owner of a span or a log record: the nearest agent, the session and the user.

The arguments of `session` and `agent` are in the baggage. Names and ids from LangChain's runs (a graph's name, the
metadata `user_id`, `session_id` and `thread_id`) are on their spans, and children copy them as they start: a child is
exported before its parent, so the receiver could not look them up there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import wrapt
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.processor.baggage import BaggageLogProcessor
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import Span, SpanProcessor

from . import _current, _guard, _twins, names
from ._context import is_ours

_INHERITED: Final = (names.GEN_AI_AGENT_NAME, names.SESSION_ID, names.USER_ID)
_METADATA: Final = {
    names.USER_ID: ("user_id",),
    names.SESSION_ID: ("session_id", "conversation_id", "thread_id"),
}
"""The usual keys of LangChain's metadata, the best first. OpenInference reads the same for the session."""
_AGENT_METADATA: Final = "lc_agent_name"
_DEFAULT_GRAPH: Final = "LangGraph"
"""A graph that was compiled without a name."""
_MODEL_RUNS: Final = ("llm", "chat_model")
_TRACER: Final = "openinference.instrumentation.langchain._tracer"


def _of_baggage(current: Context | None) -> dict[str, Any]:
    return {key: str(value) for key, value in baggage.get_all(current).items() if is_ours(key)}


def _of_span(span: object) -> dict[str, Any]:
    """Attributes that children inherit from a span of this process; spans of other processes have none here."""
    attributes: Mapping[str, Any] = getattr(span, "attributes", None) or {}
    return {key: attributes[key] for key in _INHERITED if key in attributes}


def _agent_within(parent: Any) -> Any:
    """The span of an `otelgate.agent` that is the innermost one here, and was opened within `parent`, else None.

    OpenInference makes a run a child of its parent run, even if the application opened spans in between.
    """
    span: Any = trace.get_current_span()
    scope = getattr(span, "instrumentation_scope", None)
    if scope is None or scope.name != names.SCOPE:
        return None
    return span if span.start_time >= (getattr(parent, "start_time", None) or 0) else None


class SpanWho(SpanProcessor):
    """Puts session, user and agent on each span as it starts."""

    @_guard.never_raises(None)
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        found = _of_baggage(parent_context)
        own = span.attributes or {}
        parent = trace.get_current_span(parent_context)
        for key, value in _of_span(_agent_within(parent) or parent).items():
            # The application's own session is the session, but the nearest agent is the agent, and each has a span.
            if key not in own and (key == names.GEN_AI_AGENT_NAME or key not in found):
                found[key] = value
        if names.GEN_AI_AGENT_NAME in own:
            found.pop(names.GEN_AI_AGENT_NAME, None)
        span.set_attributes(found)


class LogWho(BaggageLogProcessor):
    """The same for each log record, from the span that it is written in."""

    def __init__(self) -> None:
        super().__init__(is_ours)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        super().on_emit(log_record)
        self._complete(log_record)

    @_guard.never_raises(None)
    def _complete(self, log_record: ReadWriteLogRecord) -> None:
        inherited = _of_span(trace.get_current_span())
        attributes: Any = log_record.log_record.attributes
        if (agent := inherited.pop(names.GEN_AI_AGENT_NAME, None)) is not None:
            said = attributes.get(names.GEN_AI_AGENT_NAME)
            if said is None or said == baggage.get_baggage(names.GEN_AI_AGENT_NAME):
                attributes[names.GEN_AI_AGENT_NAME] = agent
        for key, value in inherited.items():
            attributes.setdefault(key, value)


def follow_runs() -> None:
    """Let LangChain's runs say who they are when their spans start, and not overrule the application at the end."""
    wrapt.wrap_function_wrapper(_TRACER, "OpenInferenceTracer._start_trace", _start_trace)
    wrapt.wrap_function_wrapper(_TRACER, "_update_span", _update_span)


def _start_trace(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    result = wrapped(*args, **kwargs)
    _introduce(instance, args[0] if args else kwargs["run"])
    return result


@_guard.never_raises(None)
def _introduce(tracer: Any, run: Any) -> None:
    span = tracer.get_span(run.id)
    if span is None or not span.is_recording():
        return
    metadata = (run.extra or {}).get("metadata") or {}
    said = baggage.get_all()
    for attribute, keys in _METADATA.items():
        value = next((metadata[key] for key in keys if metadata.get(key)), None)
        if value is not None and attribute not in said:
            span.set_attribute(attribute, str(value))
    if run.run_type in _MODEL_RUNS:
        _twins.mark(span)  # a model of LangChain's that asks another one
    if (name := _agent(tracer, run, metadata, span)) is not None:
        span.set_attribute(names.GEN_AI_OPERATION_NAME, names.OPERATION_INVOKE_AGENT)
        span.set_attribute(names.GEN_AI_AGENT_NAME, name)


def _agent(tracer: Any, run: Any, metadata: Mapping[str, Any], span: Any) -> str | None:
    """The name of the agent whose run this is: a graph that is invoked as a whole, by its name.

    Not an unnamed graph within an agent; nor one that `otelgate.agent` is directly around: that is
    the same run, and the application chose its name there.
    """
    graph = _current.graph()
    if graph is None or metadata.get(_AGENT_METADATA) == graph:
        return graph
    surrounding = (span.attributes or {}).get(names.GEN_AI_AGENT_NAME)
    if surrounding is None:
        return graph
    if graph == _DEFAULT_GRAPH or _agent_within(tracer.get_span(run.parent_run_id)) is not None:
        return None
    return graph


def _update_span(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """OpenInference sets the session to LangGraph's thread as a span ends; what it had from its start stays."""
    span = args[0] if args else kwargs["span"]
    held = _of_span(span)
    _twins.complete(span)
    try:
        return wrapped(*args, **kwargs)
    finally:
        for key, value in held.items():
            span.set_attribute(key, value)
