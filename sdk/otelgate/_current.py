"""Makes the span of a LangChain run the current one while the run's own code executes.

OpenInference opens a span in one callback and ends it in another, and never attaches it: nothing guarantees that the
second comes, in the same context. So what an application, an HTTP client or a provider's own SDK traces within a model
call, a tool or a node would be its sibling, or in a separate trace, and a model call that both trace would be two.

Nothing here attaches between two callbacks. A span is attached for exactly as long as one call of LangChain's lasts:

- chains, tools and graph nodes run in a copy of the context, which LangChain throws away: the copy has it;
- a model call has it from the first to the last line of the function that makes the call;
- a generator has it during each step, so one that is abandoned or moved to another thread leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import wrapt
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from . import _guard, _twins, names
from ._context import Run, in_coroutine, in_function, in_steps, in_steps_async

FindSpan = Callable[[UUID], Span | None]

_ENTERING: Final = context.create_key("otelgate-entering")
"""In a context whose next run is to become current: as what, `True` or the name of the graph that starts."""

_MODELS: Final = "langchain_core.language_models.chat_models"
_TEXT_MODELS: Final = "langchain_core.language_models.llms"
_MANAGERS: Final = "langchain_core.callbacks.manager"


class _Spans:
    """Where the spans of runs are, once LangChain is instrumented."""

    find: FindSpan | None = None


def use(find: FindSpan) -> None:
    """Look spans up there from now on."""
    _Spans.find = find


def graph() -> str | None:
    """The name of the graph whose own run is being started here, else None."""
    found = context.get_value(_ENTERING)
    return found if isinstance(found, str) else None


def install() -> None:
    """Wrap LangChain's and LangGraph's functions when the application imports them."""
    for module, function, wrapper in _WRAPPERS:
        on_import(module, function, wrapper)


def on_import(module: str, function: str, wrapper: Any) -> None:
    """Wrap a function, `Class.method` or plain, once its module is imported; versions without it are left alone."""

    def wrap(imported: Any) -> None:
        try:
            wrapt.wrap_function_wrapper(imported, function, wrapper)
        except AttributeError:
            pass  # not in this version
        except Exception:
            _guard.report(f"wrapping {module}.{function}")

    wrapt.register_post_import_hook(wrap, module)


def _with_span(run_id: UUID | None, current: Context, *, model_call: bool = False) -> Context | None:
    """`current` with the run's span, and its agent where baggage names one; None where the run has no span."""
    span = _Spans.find(run_id) if _Spans.find is not None and run_id is not None else None
    if span is None:
        return None
    agent = getattr(span, "attributes", None) or {}
    name = agent.get(names.GEN_AI_AGENT_NAME)
    if name is not None and baggage.get_baggage(names.GEN_AI_AGENT_NAME, current) not in (None, name):
        current = baggage.set_baggage(names.GEN_AI_AGENT_NAME, name, current)
    return trace.set_span_in_context(span, _twins.within(span if model_call else None, current))


def _call_of(run_id: UUID | None) -> Run:
    current = context.get_current()
    try:
        return Run(_with_span(run_id, current, model_call=True) or current)
    except Exception:
        _guard.report("making a model call's span current")
        return Run(current)


def _argument(name: str, position: int, args: Any, kwargs: Any) -> Any:
    return kwargs[name] if name in kwargs else args[position] if len(args) > position else None


# LangChain runs these in a copy of the context, which it throws away: nothing to detach.
def _set_config_context(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    result = wrapped(*args, **kwargs)
    _attach_parent(_argument("config", 0, args, kwargs))
    return result


@_guard.never_raises(None)
def _attach_parent(config: Any) -> None:
    run_id = getattr((config or {}).get("callbacks"), "parent_run_id", None)
    if (found := _with_span(run_id, context.get_current())) is not None:
        context.attach(found)


# Model calls that know their run.
def _call(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return in_function(lambda: _call_of(run_id(args, kwargs)), wrapped)(*args, **kwargs)


def _call_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return in_coroutine(lambda: _call_of(run_id(args, kwargs)), wrapped)(*args, **kwargs)


def _steps(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return in_steps(lambda: _call_of(run_id(args, kwargs)), wrapped)(*args, **kwargs)


def _steps_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return in_steps_async(lambda: _call_of(run_id(args, kwargs)), wrapped)(*args, **kwargs)


def run_id(args: Any, kwargs: Any) -> UUID | None:
    """Of a chat model's `run_manager`, or of a text model's `run_managers`, which are one call."""
    manager = _argument("run_manager", 2, args, kwargs) or kwargs.get("run_managers")
    if isinstance(manager, list):
        manager = manager[0] if manager else None
    return getattr(manager, "run_id", None)


# Calls within which the run starts. The first run that does becomes current there, for as long as they last.
def _entering(instance: Any) -> Run:
    return Run(context.set_value(_ENTERING, True))


def _entering_graph(instance: Any) -> Run:
    return Run(context.set_value(_ENTERING, str(instance.get_name()) or True))


def _within(decorate: Any, start: Callable[[Any], Run] = _entering) -> Any:
    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return decorate(lambda: start(instance), wrapped)(*args, **kwargs)

    return wrapper


def _started(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    made = wrapped(*args, **kwargs)
    _enter(made)
    return made


async def _started_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    made = await wrapped(*args, **kwargs)
    _enter(made)
    return made


@_guard.never_raises(None)
def _enter(made: Any) -> None:
    """Attach the span of a run that has started, where a surrounding `_within` takes it off again."""
    current = context.get_current()
    if not context.get_value(_ENTERING, current):
        return
    current = context.set_value(_ENTERING, None, current)
    model_call = isinstance(made, list)  # as model calls start, several at a time
    manager = made[0] if model_call and made else made
    context.attach(_with_span(getattr(manager, "run_id", None), current, model_call=model_call) or current)


_WRAPPERS: Final = (
    *(
        (_MANAGERS, f"{manager}.on_{kind}_start", wrapper)
        for manager, wrapper in (("CallbackManager", _started), ("AsyncCallbackManager", _started_async))
        for kind in ("chain", "chat_model", "llm", "retriever")
    ),
    ("langchain_core.runnables.config", "_set_config_context", _set_config_context),
    ("langgraph._internal._runnable", "_set_config_context", _set_config_context),
    (_MODELS, "BaseChatModel._generate_with_cache", _call),
    (_MODELS, "BaseChatModel._agenerate_with_cache", _call_async),
    (_MODELS, "BaseChatModel._iter_v2_events", _steps),
    (_MODELS, "BaseChatModel._aiter_v2_events", _steps_async),
    (_MODELS, "BaseChatModel.stream", _within(in_steps)),
    (_MODELS, "BaseChatModel.astream", _within(in_steps_async)),
    (_TEXT_MODELS, "BaseLLM._generate_helper", _call),
    (_TEXT_MODELS, "BaseLLM._agenerate_helper", _call_async),
    (_TEXT_MODELS, "BaseLLM.stream", _within(in_steps)),
    (_TEXT_MODELS, "BaseLLM.astream", _within(in_steps_async)),
    ("langchain_core.retrievers", "BaseRetriever.invoke", _within(in_function)),
    ("langchain_core.retrievers", "BaseRetriever.ainvoke", _within(in_coroutine)),
    ("langgraph.pregel", "Pregel.stream", _within(in_steps, _entering_graph)),
    ("langgraph.pregel", "Pregel.astream", _within(in_steps_async, _entering_graph)),
)
