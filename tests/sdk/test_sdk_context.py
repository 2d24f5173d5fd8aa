"""`session`, `agent`, `current_trace_id`, in one process with in-memory exporters."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import otelgate
import pytest
from opentelemetry import baggage, trace
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.processor.baggage import BaggageLogProcessor, BaggageSpanProcessor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from otelgate import _context, names

tracer = trace.get_tracer("test")


class Recorded:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def __getitem__(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return span

    def session(self, name: str) -> Any:
        return (self[name].attributes or {}).get("session.id")

    def agent(self, name: str) -> Any:
        return (self[name].attributes or {}).get("gen_ai.agent.name")

    def all(self) -> list[str]:
        return [span.name for span in self.exporter.get_finished_spans()]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BaggageSpanProcessor(_context.is_ours))
    provider.add_span_processor(SimpleSpanProcessor(recorded.exporter))
    monkeypatch.setattr(trace, "get_tracer", lambda name, *args: provider.get_tracer(name))
    monkeypatch.setattr(f"{__name__}.tracer", provider.get_tracer("test"))
    return recorded


def touch(name: str) -> None:
    tracer.start_span(name).end()


def test_session_names_and_values(spans: Recorded) -> None:
    with otelgate.session("s-1", user_id="u-1", tier="pro", experiment=7, beta=True, nothing=None):
        touch("in")
    touch("out")
    assert dict(spans["in"].attributes or {}) == {
        "session.id": "s-1",
        "user.id": "u-1",
        "otelgate.tier": "pro",
        "otelgate.experiment": "7",
        "otelgate.beta": "true",
    }
    assert dict(spans["out"].attributes or {}) == {}


def test_other_baggage_stays_off_spans(spans: Recorded) -> None:
    with otelgate.session("s"):
        from opentelemetry import context

        token = context.attach(baggage.set_baggage("secret", "x"))
        touch("in")
        context.detach(token)
    assert dict(spans["in"].attributes or {}) == {"session.id": "s"}


def test_nested_sessions_and_reuse(spans: Recorded) -> None:
    outer = otelgate.session("outer", user_id="u")
    with outer:
        with otelgate.session("inner"):
            touch("inner")
        touch("outer")
        with outer:
            touch("again")
        touch("after")
    touch("out")
    assert [spans.session(name) for name in ("inner", "outer", "again", "after", "out")] == [
        "inner", "outer", "outer", "outer", None,
    ]  # fmt: skip
    assert (spans["inner"].attributes or {})["user.id"] == "u"


async def test_async_forms_and_tasks(spans: Recorded) -> None:
    @otelgate.session("decorated")
    async def decorated(name: str) -> str:
        await asyncio.sleep(0)
        touch(name)
        return name

    async with otelgate.session("with"):
        await asyncio.create_task(asyncio.to_thread(touch, "to_thread"))

        async def child() -> None:
            touch("task")

        await asyncio.gather(child(), decorated("inner"))
        touch("with")
    assert await decorated("alone") == "alone"
    touch("out")
    assert {name: spans.session(name) for name in spans.all()} == {
        "to_thread": "with", "task": "with", "inner": "decorated", "with": "with", "alone": "decorated", "out": None,
    }  # fmt: skip


async def test_concurrent_tasks_keep_their_own(spans: Recorded) -> None:
    async def one(number: int) -> None:
        with otelgate.session(f"s{number}"), otelgate.agent(f"a{number}"):
            await asyncio.sleep(0)
            touch(f"t{number}")

    await asyncio.gather(*(one(number) for number in range(20)))
    assert all(spans.session(f"t{n}") == f"s{n}" and spans.agent(f"t{n}") == f"a{n}" for n in range(20))


def test_threads_and_executors(spans: Recorded) -> None:
    ThreadingInstrumentor().instrument()
    try:
        with otelgate.session("s"), otelgate.agent("a"):
            trace_id = otelgate.current_trace_id()
            thread = threading.Thread(target=touch, args=("thread",))
            thread.start()
            thread.join()
            with ThreadPoolExecutor() as pool:
                pool.submit(touch, "executor").result()
    finally:
        ThreadingInstrumentor().uninstrument()
    for name in ("thread", "executor"):
        assert (spans.session(name), spans.agent(name)) == ("s", "a")
        context = spans[name].context
        assert context is not None
        assert format(context.trace_id, "032x") == trace_id


def test_agent_span(spans: Recorded) -> None:
    with otelgate.agent("billing"):
        touch("child")
    span = spans["invoke_agent billing"]
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "billing",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "otelgate"
    child = spans["child"]
    assert child.parent is not None
    assert span.context is not None
    assert child.parent.span_id == span.context.span_id
    assert spans.agent("child") == "billing"


def test_nested_agents_override(spans: Recorded) -> None:
    with otelgate.agent("router"):
        with otelgate.agent("billing"):
            touch("inner")
        touch("outer")
    assert (spans.agent("inner"), spans.agent("outer")) == ("billing", "router")
    assert spans.agent("invoke_agent billing") == "billing"


def test_an_exception_passes_through_and_marks_the_span(spans: Recorded) -> None:
    class Broken(Exception):
        pass

    with pytest.raises(Broken, match="why"), otelgate.agent("a"):
        raise Broken("why")
    span = spans["invoke_agent a"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == f"{__name__}.{Broken.__qualname__}"
    assert [event.name for event in span.events] == ["exception"]
    with pytest.raises(ValueError, match="x"), otelgate.agent("b"):
        raise ValueError("x")
    assert (spans["invoke_agent b"].attributes or {})["error.type"] == "ValueError"


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit()])
def test_control_flow_is_no_error(spans: Recorded, error: BaseException) -> None:
    with pytest.raises(type(error)), otelgate.agent("a"):
        raise error
    assert spans["invoke_agent a"].status.status_code is StatusCode.UNSET


def test_langgraph_interrupts_are_no_error(spans: Recorded) -> None:
    from langgraph.errors import GraphInterrupt

    with pytest.raises(GraphInterrupt), otelgate.agent("a"):
        raise GraphInterrupt(())
    assert spans["invoke_agent a"].status.status_code is StatusCode.UNSET


async def test_a_cancelled_task_is_no_error(spans: Recorded) -> None:
    @otelgate.agent("a")
    async def forever() -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    span = spans["invoke_agent a"]
    assert (span.attributes or {})["otelgate.cancelled"] is True
    assert (span.status.status_code, span.events) == (StatusCode.UNSET, ())


def test_decorated_functions_keep_name_and_result(spans: Recorded) -> None:
    @otelgate.session("s")
    @otelgate.agent("a")
    def add(left: int, right: int) -> int:
        """Adds."""
        touch("in")
        return left + right

    assert (add.__name__, add.__doc__, add(1, right=2), add(2, right=2)) == ("add", "Adds.", 3, 4)
    assert spans.all().count("invoke_agent a") == 2
    assert otelgate.current_trace_id() is None


def test_agent_without_a_name_takes_the_function_s(spans: Recorded) -> None:
    @otelgate.agent
    def support(question: str) -> str:
        return question.upper()

    assert support("hi") == "HI"
    assert spans.all() == ["invoke_agent support"]


def test_generator_steps_run_inside_and_the_consumer_outside(spans: Recorded) -> None:
    @otelgate.session("s")
    @otelgate.agent("a")
    def stream(count: int) -> Iterator[int]:
        for number in range(count):
            with tracer.start_as_current_span(f"step {number}"):
                yield number
        touch("end")

    seen = []
    for number in stream(2):
        assert otelgate.current_trace_id() is None
        touch(f"consumer {number}")
        seen.append(number)
    assert seen == [0, 1]
    assert inspect.isgeneratorfunction(stream)
    assert [spans.session(name) for name in ("step 0", "step 1", "end")] == ["s", "s", "s"]
    assert [spans.session(name) for name in ("consumer 0", "consumer 1")] == [None, None]
    root = spans["invoke_agent a"]
    assert root.context is not None
    for name in ("step 0", "step 1", "end"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == root.context.span_id


def test_generator_send_throw_return_and_close(spans: Recorded) -> None:
    closed = []

    @otelgate.agent("a")
    def talk() -> Any:
        try:
            got = yield "first"
            try:
                yield got
            except KeyError:
                yield "caught"
            return "result"
        finally:
            closed.append(True)

    generator = talk()
    assert [next(generator), generator.send("x"), generator.throw(KeyError())] == ["first", "x", "caught"]
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "result"
    abandoned = talk()
    next(abandoned)
    abandoned.close()
    assert closed == [True, True]
    assert spans.all() == ["invoke_agent a", "invoke_agent a"]
    assert {span.status.status_code for span in spans.exporter.get_finished_spans()} == {StatusCode.UNSET}


async def test_async_generators(spans: Recorded) -> None:
    @otelgate.agent("a")
    async def stream() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            touch(f"step {number}")
            yield number
        raise ValueError("late")

    assert inspect.isasyncgenfunction(stream)
    seen = []

    async def consume() -> None:
        async for number in stream():
            assert otelgate.current_trace_id() is None
            seen.append(number)

    with pytest.raises(ValueError, match="late"):
        await consume()
    assert seen == [0, 1, 2]
    assert spans.agent("step 2") == "a"
    assert (spans["invoke_agent a"].attributes or {})["error.type"] == "ValueError"
    spans.exporter.clear()
    async with contextlib.aclosing(stream()) as abandoned:  # type: ignore[type-var]
        await anext(abandoned)
    assert spans["invoke_agent a"].status.status_code is StatusCode.UNSET


def test_current_trace_id(spans: Recorded) -> None:
    assert otelgate.current_trace_id() is None
    with otelgate.agent("a"):
        inside = otelgate.current_trace_id()
    context = spans["invoke_agent a"].context
    assert context is not None
    assert inside == format(context.trace_id, "032x")


def test_log_records_carry_the_session() -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BaggageLogProcessor(_context.is_ours))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with otelgate.session("s", user_id="u"):
        provider.get_logger("test").emit(body="hi")
    (record,) = exporter.get_finished_logs()
    assert dict(record.log_record.attributes or {}) == {"session.id": "s", "user.id": "u"}


@pytest.mark.parametrize("scope", [otelgate.session, otelgate.agent])
def test_never_raises_into_the_application(
    spans: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, scope: Callable[[Any], Any]
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(baggage, "set_baggage", broken)
    monkeypatch.setattr("otelgate._guard._reported", set())
    with caplog.at_level(logging.WARNING, "otelgate"):
        for _ in range(3):
            with scope("x"):
                touch("in")
        assert scope("x")(lambda: 5)() == 5
    assert [record.getMessage() for record in caplog.records] == [
        f"{scope.__name__} failed inside otelgate; the application goes on"
    ]


@pytest.mark.parametrize("odd", [None, 5, b"x", object()])
def test_odd_arguments(spans: Recorded, odd: Any) -> None:
    with otelgate.session(odd, user_id=odd, tier=odd, other=odd), otelgate.agent(odd):
        touch("in")
    assert "in" in spans.all()
    assert (spans["in"].attributes or {}).get(names.SESSION_ID) == (None if odd is None else str(odd))
