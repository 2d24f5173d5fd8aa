"""OpenInference's LangChain instrumentation: late, lean, and with the time to the first token."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import UUID

import wrapt

from . import _abandoned, _current, _guard, _usage, _who, names

if TYPE_CHECKING:
    from langchain_core.callbacks.base import BaseCallbackHandler

ENTRY_POINT = "openinference.instrumentation.langchain"
_MANAGERS = "langchain_core.callbacks.base"
_PATIENCE_S = 5.0
"""How long a thread waits for another one that is instrumenting."""
_MAX_RUNS = 10_000
"""Model calls that are waiting for their first token; those of abandoned streams are forgotten beyond this."""


def instrument_later(instrument: Callable[[], None], *, content: bool) -> None:
    """Instrument when the application first makes a callback manager.

    Instrumenting imports LangChain, which costs a second that a program without it shouldn't pay. At the first manager
    everything is imported, so there is no import cycle to meet.
    """
    lock = threading.RLock()
    started = done = False

    def start() -> bool:
        """Whether it is done. Other threads wait, or their first runs would leave no spans."""
        nonlocal started, done
        if not lock.acquire(timeout=_PATIENCE_S):
            return False
        try:
            if not started:
                started = True
                instrument()
                _who.follow_runs()
                _usage.keep_details()
                _current.use(_find_span())
                if not content:
                    skip_content()
                register_first_token()
                done = True
        except Exception:
            done = True
            _guard.report("instrumenting LangChain")
        finally:
            lock.release()
        return done

    def init(wrapped: Callable[..., None], instance: object, args: Any, kwargs: Any) -> None:
        if not done and start():
            # The class has been wrapped again by now, below this wrapper; go through all of it.
            type(instance).__init__(instance, *args, **kwargs)
            return
        wrapped(*args, **kwargs)

    def on_import(module: Any) -> None:
        wrapt.wrap_function_wrapper(module, "BaseCallbackManager.__init__", init)

    wrapt.register_post_import_hook(on_import, _MANAGERS)
    _current.install()
    _abandoned.install()


def _nothing(*args: object, **kwargs: object) -> Iterator[tuple[str, Any]]:
    return iter(())


_CONTENT_FUNCTIONS = (
    "_convert_io",
    "_prompts",
    "_input_messages",
    "_output_messages",
    "_prompt_template",
    "_invocation_parameters",
    "_function_calls",
    "_retrieval_documents",
)


def skip_content() -> None:
    """Don't even serialise what will be hidden: inputs, outputs, messages, documents.

    OpenInference turns all of them into JSON and attributes at the end of each span, and drops them after that. These
    are private functions of a pinned version; where one is missing, the work is done and the content hidden anyway.
    """
    from openinference.instrumentation.langchain import _tracer

    for name in _CONTENT_FUNCTIONS:
        if callable(getattr(_tracer, name, None)):
            setattr(_tracer, name, _nothing)


def register_first_token() -> None:
    """Add the handler to every callback manager that LangChain makes from now on."""
    from langchain_core.tracers.context import register_configure_hook

    handler = _handler()
    variable: ContextVar[BaseCallbackHandler | None] = ContextVar("otelgate_first_token", default=handler)
    register_configure_hook(variable, inheritable=True)


def _find_span() -> _current.FindSpan:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    return LangChainInstrumentor().get_span


def _handler() -> BaseCallbackHandler:
    from langchain_core.callbacks.base import BaseCallbackHandler

    get_span = _find_span()

    class FirstToken(BaseCallbackHandler):
        """Sets the time to first chunk on OpenInference's span of the model call."""

        run_inline = True  # else async managers call it in an executor, late
        ignore_chain = ignore_agent = ignore_retriever = ignore_retry = ignore_custom_event = True

        def __init__(self) -> None:
            self._starts: OrderedDict[UUID, float] = OrderedDict()

        def _start(self, run_id: UUID) -> None:
            self._starts[run_id] = time.perf_counter()
            if len(self._starts) > _MAX_RUNS:
                self._starts.popitem(last=False)

        def on_llm_start(self, serialized: Any, prompts: Any, *, run_id: UUID, **kwargs: Any) -> None:
            self._start(run_id)

        def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
            self._start(run_id)

        # LangChain passes the token by this very name.
        def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
            start = self._starts.pop(run_id, None)
            if start is not None:
                self._first(run_id, time.perf_counter() - start)

        @_guard.never_raises(None)
        def _first(self, run_id: UUID, seconds: float) -> None:
            if span := get_span(run_id):
                span.set_attribute(names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, seconds)
                span.add_event(names.EVENT_FIRST_CHUNK)

        def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
            self._starts.pop(run_id, None)

        def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
            self._starts.pop(run_id, None)

    return FirstToken()
