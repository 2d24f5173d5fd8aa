"""The clock that examples go by where alerts look at their durations (own_clock.py)."""

import asyncio
import time
from contextvars import Context

import own_clock
import pytest
from opentelemetry.sdk.trace import ReadableSpan, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

WAITED_S = 0.003
BUSY_S = 0.02
"""The delay that the machine adds."""


@pytest.fixture
def ended() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(ended: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ended))  # before the clock, as where an SDK was configured
    own_clock.put_first(provider)
    tracer = provider.get_tracer("test")
    assert isinstance(tracer, Tracer)
    return tracer


def test_a_span_on_a_busy_machine_lasts_what_was_waited(tracer: Tracer, ended: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("turn"):
        time.sleep(BUSY_S)
        with tracer.start_as_current_span("search"):
            time.sleep(BUSY_S)
            own_clock.sleep(WAITED_S)
        own_clock.sleep(WAITED_S)
    assert durations(ended) == {"search": WAITED_S, "turn": 2 * WAITED_S}


def test_span_with_explicit_end_lasts_the_waited_time(tracer: Tracer, ended: InMemorySpanExporter) -> None:
    """OpenInference's spans do."""
    span = tracer.start_span("chat")
    own_clock.sleep(WAITED_S)
    span.end(time.time_ns() + 10**9)
    assert durations(ended) == {"chat": WAITED_S}


def test_waits_of_tasks_and_threads_move_the_clock_of_their_request(
    tracer: Tracer, ended: InMemorySpanExporter
) -> None:
    async def request() -> None:
        with tracer.start_as_current_span("request"):
            await asyncio.create_task(own_clock.asyncio_sleep(WAITED_S))
            await asyncio.to_thread(own_clock.sleep, WAITED_S)

    asyncio.run(request())
    assert durations(ended) == {"request": 2 * WAITED_S}


def test_requests_at_once_have_a_clock_each() -> None:
    async def request(seconds: float) -> float:
        began = own_clock.now()
        await own_clock.asyncio_sleep(seconds)
        return own_clock.now() - began

    async def both() -> list[float]:
        return await asyncio.gather(request(WAITED_S), request(2 * WAITED_S))

    assert Context().run(asyncio.run, both()) == [WAITED_S, 2 * WAITED_S]


def durations(ended: InMemorySpanExporter) -> dict[str, float]:
    return {span.name: _seconds(span) for span in ended.get_finished_spans()}


def _seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9
