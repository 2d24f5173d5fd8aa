"""An example's own clock: what takes time in it takes exactly its set time, even on a busy machine.

The tests of alerts ask that an alert about a duration is quiet on an ordinary day and active once a switch makes the
application slow. Measured by the machine's clock, a search of 0.05 s takes over its limit of 0.2 s where the
machine has other things to do, and the alert is right. With a higher limit that would take a busier machine, and to
allow such alerts would prove nothing of them. So the application keeps its times itself: each of its waits (a model's
first token, a tool, a slow switch) moves its clock by the seconds that it asked for, and nothing else does.
Instrumentation, SDK, gateway and Prometheus treat what that clock measures as ever, and the limits are the committed
ones. Spans begin at the time of day, as the stores expect.

Each request, and each thread, has its own clock, and shares it with the tasks and threads that it starts. Parallel
waits are summed, so a span with parallel children lasts longer than on the wall clock. A request to another server
takes no time, and is not given up.
"""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import otelgate._langchain
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation import asgi
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from examples.common import sqlalchemy_engine
from examples.osool import outside

_sleep, _asyncio_sleep, _slow_down = time.sleep, asyncio.sleep, sqlalchemy_engine.slow_down


@dataclass
class Clock:
    seconds: float = 0.0


_CLOCK: ContextVar[Clock] = ContextVar("own_clock")


def own() -> Clock:
    """The clock of what runs here, made when it is first asked for."""
    clock = _CLOCK.get(None)
    if clock is None:
        _CLOCK.set(clock := Clock())
    return clock


def now() -> float:
    """In place of time.perf_counter."""
    return own().seconds


class SpanTimes(SpanProcessor):
    """A span begins when it does, and lasts as long as its clock says."""

    def __init__(self) -> None:
        self._began: dict[int, tuple[Clock, float]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        clock = own()
        self._began[_id(span)] = clock, clock.seconds

    def on_end(self, span: ReadableSpan) -> None:
        clock, began = self._began.pop(_id(span))
        assert span.start_time is not None
        span._end_time = span.start_time + round((clock.seconds - began) * 1e9)


def keep() -> None:
    """From now on, in this process, measure spans and the instrumentations' histograms by it."""
    time.sleep = sleep
    asyncio.sleep = asyncio_sleep  # type: ignore[assignment]
    sqlalchemy_engine.slow_down = slow_down
    outside.TIMEOUT_S = None
    asgi.default_timer = now
    for module in (otelgate._langchain, sqlalchemy_engine):
        module.time = SimpleNamespace(perf_counter=now)  # type: ignore[attr-defined]
    put_first(trace.get_tracer_provider())


def put_first(provider: Any) -> None:
    """The spans' times are right before any other processor sees a span, or exports it."""
    assert isinstance(provider, TracerProvider), "no SDK: is this run by opentelemetry-instrument?"
    every = provider._active_span_processor
    every._span_processors = (SpanTimes(), *every._span_processors)


def sleep(seconds: float) -> None:
    """In place of time.sleep."""
    _sleep(seconds)
    own().seconds += seconds


async def asyncio_sleep(delay: float, result: Any = None) -> Any:
    """In place of asyncio.sleep."""
    await _asyncio_sleep(delay)
    own().seconds += delay
    return result


def slow_down(cursor: Any, seconds: float) -> None:
    """In place of the engine's: the database waits, the application measures it."""
    _slow_down(cursor, seconds)
    own().seconds += seconds


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id
