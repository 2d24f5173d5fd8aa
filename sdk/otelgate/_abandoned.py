"""Model calls, tools and retrievers of LangChain that are cancelled while they run.

LangChain tells callbacks nothing when the task of one is cancelled, which LangGraph does when a user closes the page:
the span would never end, and never be sent. It ends here, with what is known of it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from . import _cancelled, _current, _guard, names

_STARTED: Final[ContextVar[list[UUID] | None]] = ContextVar("otelgate-started", default=None)
"""Where the run that starts next is noted: that of the innermost tool or retriever."""


def install() -> None:
    """Wrap LangChain's functions when the application imports them."""
    for module, function, wrapper in _WRAPPERS:
        _current.on_import(f"langchain_core.{module}", function, wrapper)


async def _end_if_cancelled(call: Coroutine[Any, Any, Any], run_id: Callable[[], UUID | None]) -> Any:
    try:
        return await call
    except BaseException as error:
        if _cancelled.is_cancellation_error(error):
            _end(run_id(), error)
        raise


def _model_call(wrapped: Any, instance: object, args: Any, kwargs: Any) -> Coroutine[Any, Any, Any]:
    return _end_if_cancelled(wrapped(*args, **kwargs), lambda: _current.run_id(args, kwargs))


async def _step(wrapped: Any, instance: object, args: Any, kwargs: Any) -> Any:
    started: list[UUID] = []
    outer = _STARTED.set(started)
    try:
        return await _end_if_cancelled(wrapped(*args, **kwargs), lambda: started[0] if started else None)
    finally:
        _STARTED.reset(outer)


async def _note_start(wrapped: Any, instance: object, args: Any, kwargs: Any) -> Any:
    manager = await wrapped(*args, **kwargs)
    if (started := _STARTED.get()) is not None and not started:
        started.append(manager.run_id)
    return manager


@_guard.never_raises(None)
def _end(run_id: UUID | None, error: BaseException) -> None:
    """End the span as OpenInference does: its data of the call are in the run."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    tracer: Any = LangChainInstrumentor()._tracer
    run: Any = tracer.run_map.get(str(run_id)) if tracer is not None else None
    if run is not None and (span := tracer.get_span(run_id)) is not None:
        span.add_event(names.EXCEPTION_EVENT, {names.EXCEPTION_TYPE: type(error).__name__})
        run.error = repr(error)
        run.end_time = datetime.now(UTC)
        tracer._end_trace(run)


_WRAPPERS: Final = (
    ("language_models.chat_models", "BaseChatModel._agenerate_with_cache", _model_call),
    ("tools.base", "BaseTool.arun", _step),
    ("retrievers", "BaseRetriever.ainvoke", _step),
    ("callbacks.manager", "AsyncCallbackManager.on_tool_start", _note_start),
    ("callbacks.manager", "AsyncCallbackManager.on_retriever_start", _note_start),
)
