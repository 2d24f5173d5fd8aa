"""Model calls of LangChain that are cancelled while they run.

`ainvoke` tells callbacks nothing when its task is cancelled, which LangGraph does when a user closes the page: the span
of the call would never end, and never be sent. It ends here, with what is known of it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from . import _cancelled, _current, _guard, names

_MODELS = "langchain_core.language_models.chat_models"


def end_cancelled_calls() -> None:
    """Watch chat models from now on."""
    _current.on_import(_MODELS, "BaseChatModel._agenerate_with_cache", _watch)


def _watch(wrapped: Any, instance: object, args: Any, kwargs: Any) -> Coroutine[Any, Any, Any]:
    async def call() -> Any:
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            manager = kwargs.get("run_manager") or (args[2] if len(args) > 2 else None)
            if manager is not None and _cancelled.is_cancellation_error(error):
                _end(manager.run_id, error)
            raise

    return call()


@_guard.never_raises(None)
def _end(run_id: UUID, error: BaseException) -> None:
    """End the span as OpenInference does: what it knows of the call stands in the run."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    tracer: Any = LangChainInstrumentor()._tracer
    run: Any = tracer.run_map.get(str(run_id)) if tracer is not None else None
    if run is not None and (span := tracer.get_span(run_id)) is not None:
        span.add_event(names.EXCEPTION_EVENT, {names.EXCEPTION_TYPE: type(error).__name__})
        run.error = repr(error)
        run.end_time = datetime.now(UTC)
        tracer._end_trace(run)
