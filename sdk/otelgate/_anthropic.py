"""Lets Anthropic's stream helper send its request within the span that was current as the application asked for it.

`messages.stream(...)` sends nothing yet; its context manager does, on entry. An instrumentation's span around the first
is no longer current then, and the span that Anthropic's package makes itself would begin a trace of its own: one call,
counted twice.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import context, trace

from . import _current
from ._context import Run, in_coroutine, in_function

_MANAGERS: Final = (
    ("anthropic.lib.streaming._messages", "MessageStreamManager", "AsyncMessageStreamManager"),
    ("anthropic.lib.streaming._beta_messages", "BetaMessageStreamManager", "BetaAsyncMessageStreamManager"),
)
_SPAN: Final = "_otelgate_span"


def install() -> None:
    """Wrap the helpers when the application imports Anthropic's package."""
    for module, manager, async_manager in _MANAGERS:
        for name, method, enter in ((manager, "__enter__", _enter), (async_manager, "__aenter__", _enter_async)):
            _current.on_import(module, f"{name}.{method}", enter)
            _current.on_import(module, f"{name}.__init__", _remember)


def _remember(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> None:
    wrapped(*args, **kwargs)
    setattr(instance, _SPAN, trace.get_current_span())


def _run(instance: Any) -> Run:
    span = getattr(instance, _SPAN, None)
    return Run(trace.set_span_in_context(span) if span is not None and span.is_recording() else context.get_current())


def _enter(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return in_function(lambda: _run(instance), wrapped)(*args, **kwargs)


def _enter_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return in_coroutine(lambda: _run(instance), wrapped)(*args, **kwargs)
