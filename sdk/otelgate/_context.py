"""`session` and `agent`: attributes for every span and log record inside, carried by baggage."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from . import _cancelled, _guard, names

F = TypeVar("F", bound=Callable[..., Any])

_OURS = frozenset((names.SESSION_ID, names.USER_ID, names.GEN_AI_AGENT_NAME))


def is_ours(key: str) -> bool:
    """Whether a baggage entry goes onto spans and log records. The application may carry others."""
    return key in _OURS or key.startswith(names.OTELGATE_PREFIX)


_attached: ContextVar[object] = ContextVar("otelgate_attached", default=None)
"""Tells whether a scope is left in the context that it was entered in; else OpenTelemetry's `detach` logs an error."""


class Run:
    """One use of a scope: what was attached, and what has to be ended."""

    def __init__(self, current: Context, span: Span | None = None) -> None:
        self.context = current
        self.span = span
        self.tokens: tuple[Any, Any] | None = None

    @_guard.never_raises(None)
    def attach(self) -> None:
        self.tokens = _attached.set(self), context.attach(self.context)

    @_guard.never_raises(None)
    def detach(self) -> None:
        if self.tokens is None:
            return
        ours, token = self.tokens
        self.tokens = None
        try:
            _attached.reset(ours)
        except ValueError:
            return  # An abandoned coroutine is closed from elsewhere: its own context is gone.
        # A generator continues its next step with the contexts that the block left attached.
        self.context = context.get_current()
        context.detach(token)

    @_guard.never_raises(None)
    def end(self, error: BaseException | None) -> None:
        if self.span is not None:
            if error is not None and _cancelled.is_cancellation_error(error):
                self.span.set_attribute(names.OTELGATE_CANCELLED, True)
            elif error is not None and not _is_control_flow(error):
                kind = type(error)
                name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
                self.span.set_attribute(names.ERROR_TYPE, name)
                self.span.record_exception(error)
                self.span.set_status(Status(StatusCode.ERROR, str(error)))
            self.span.end()


def _is_control_flow(error: BaseException) -> bool:
    """Exceptions that don't mean failure: a clean exit, LangGraph's interrupts and jumps."""
    if isinstance(error, SystemExit):
        return error.code in (None, 0)
    return any(kind.__name__ == "GraphBubbleUp" for kind in type(error).__mro__)


class Scope:
    """A context manager, sync and async, and a decorator for functions, coroutines and generators of both kinds.

    A decorated function enters the scope at each call. As a context manager it may be entered again, nested or later.
    """

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def _start(self) -> Run:
        raise NotImplementedError

    def _safe_start(self) -> Run:
        try:
            return self._start()
        except Exception:
            _guard.report(type(self).__name__.lower())
            return Run(context.get_current())

    def __enter__(self) -> None:
        run = self._safe_start()
        run.attach()
        self._runs.append(run)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runs:
            run = self._runs.pop()
            run.end(error)
            run.detach()

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        call: Any = function
        wrapped: Any
        if inspect.isasyncgenfunction(call):
            wrapped = in_steps_async(self._safe_start, call)
        elif inspect.isgeneratorfunction(call):
            wrapped = in_steps(self._safe_start, call)
        elif inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__):
            wrapped = in_coroutine(self._safe_start, call)
        else:
            wrapped = in_function(self._safe_start, call)
        return cast(F, functools.wraps(call)(wrapped))


class _Entered:
    """One call of a decorated function."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> None:
        self._run.attach()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run.end(error)
        self._run.detach()


class _Closed(_Entered):
    """The end of a decorated generator that its consumer abandoned, which is not an error of the generator."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run.end(error or GeneratorExit())
        self._run.detach()


class _Step(_Entered):
    """One step of a decorated generator. Between steps the consumer's own context is in force."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._run.end(None if isinstance(error, StopIteration | StopAsyncIteration) else error)
        self._run.detach()


Start = Callable[[], Run]


def in_function(start: Start, call: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with _Entered(start()):
            return call(*args, **kwargs)

    return wrapper


def in_coroutine(start: Start, call: Any) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with _Entered(start()):
            return await call(*args, **kwargs)

    return wrapper


def in_steps(start: Start, call: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        run = start()
        generator = call(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, generator)
        while True:
            try:
                with _Step(run):
                    item = step()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                with _Closed(run):
                    generator.close()
                raise
            except BaseException as error:
                step = functools.partial(generator.throw, error)
            else:
                step = functools.partial(generator.send, sent)

    return wrapper


def in_steps_async(start: Start, call: Any) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        run = start()
        generator = call(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(anext, generator)
        while True:
            try:
                with _Step(run):
                    item = await step()
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                with _Closed(run):
                    await generator.aclose()
                raise
            except BaseException as error:
                step = functools.partial(generator.athrow, error)
            else:
                step = functools.partial(generator.asend, sent)

    return wrapper


class session(Scope):
    """Put a session on every span and log record inside.

    A context manager (`with`, `async with`) and a decorator. It is carried by OpenTelemetry baggage: across `await`,
    tasks, threads and executors, and to other services in outgoing requests' headers, so use opaque ids only.

    Args:
        session_id: becomes `session.id`.
        user_id: becomes `user.id`.
        tier: becomes `otelgate.tier`, for instance `free` or `pro`.
        attributes: each becomes `otelgate.<name>`.

    Never raises; exceptions of the block pass through.
    """

    def __init__(
        self, session_id: str, user_id: str | None = None, tier: str | None = None, **attributes: object
    ) -> None:
        super().__init__()
        entries = {names.SESSION_ID: session_id, names.USER_ID: user_id, names.OTELGATE_TIER: tier}
        entries |= {names.OTELGATE_PREFIX + name: value for name, value in attributes.items()}  # type: ignore[misc]
        self._entries: dict[str, object] = dict(entries)

    def _start(self) -> Run:
        current = context.get_current()
        for key, value in self._entries.items():
            if value is not None:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                current = baggage.set_baggage(key, text, current)
        return Run(current)


class agent(Scope):
    """Open the root span of an agent's run, `invoke_agent <name>`, and give the agent's name to all inside.

    A context manager (`with`, `async with`) and a decorator. An exception makes the span's status ERROR, with
    `error.type`, and passes through. Inside another agent the inner name holds.

    Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/

    Args:
        name: becomes `gen_ai.agent.name`.
    """

    def __new__(cls, name: Any) -> Any:
        # `@agent` without a name: the function's own. As an instance it would swallow the call.
        return agent(name.__name__)(name) if inspect.isroutine(name) else super().__new__(cls)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def _start(self) -> Run:
        name = str(self._name)
        current = baggage.set_baggage(names.GEN_AI_AGENT_NAME, name)
        span = trace.get_tracer(names.SCOPE).start_span(
            f"{names.OPERATION_INVOKE_AGENT} {name}",
            context=current,
            attributes={
                names.GEN_AI_OPERATION_NAME: names.OPERATION_INVOKE_AGENT,
                names.GEN_AI_AGENT_NAME: name,
            },
        )
        return Run(trace.set_span_in_context(span, current), span)


def current_trace_id() -> str | None:
    """The id of the trace that is current here, 32 hexadecimal digits; None outside of a trace."""
    span_context = trace.get_current_span().get_span_context()
    return format(span_context.trace_id, "032x") if span_context.is_valid else None
