"""Work that its caller gave up is cancelled, and no error: by a cancelled task, `aclose`, or a generator dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Status, StatusCode
from otelgate import _scrub
from otlp_receiver import Receiver
from programs import Result

STREAMS = """
    import asyncio, gc
    import otelgate
    from fake_agent import FakeModel
    from langgraph.graph import START, MessagesState, StateGraph

    model = FakeModel(gap_s=0.01, answer="word " * 500)

    async def call(state: MessagesState):
        return {"messages": [await model.ainvoke(state["messages"], stream=True)]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", call)
    builder.add_edge(START, "model")
    streamer = builder.compile()

    @otelgate.agent("streamer")
    async def answer():
        async for token, _ in streamer.astream({"messages": [("user", "hi")]}, stream_mode="messages"):
            yield token.content

    async def consume(reached=None):
        n = 0
        stream = answer()
        async for _ in stream:
            n += 1
            if n == 3:
                if reached is None:
                    return stream
                reached.set()

    async def main():
        reached = asyncio.Event()
        task = asyncio.create_task(consume(reached))
        await reached.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await (await consume()).aclose()
        stream = await consume()
        del stream
        gc.collect()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)

    asyncio.run(main())
"""


def test_all_ways_to_give_a_stream_up_look_the_same(run: Callable[..., Result], receiver: Receiver) -> None:
    result = run(STREAMS)
    assert result.status == 0, result.stderr
    spans = receiver.spans()
    assert len(receiver.spans("invoke_agent streamer")) == len(receiver.spans("FakeModel")) == 3
    assert [(span.name, span.raw.status) for span in spans if span.raw.status.code == StatusCode.ERROR.value] == []
    assert [span.attributes.get("error.type") for span in spans if "error.type" in span.attributes] == []
    for name in ("invoke_agent streamer", "FakeModel"):
        assert [span.attributes.get("otelgate.cancelled") for span in receiver.spans(name)] == [True] * 3
    assert len({span.raw.trace_id for span in spans}) == 3


STEPS = """
    import asyncio
    import otelgate
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.tools import tool
    from langgraph.graph import START, StateGraph

    reached = []

    async def wait():
        reached.append(True)
        await asyncio.sleep(600)

    class Archive(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager): ...

        async def _aget_relevant_documents(self, query, *, run_manager):
            await wait()

    @tool
    async def look_up(what: str) -> str:
        '''Find it.'''
        await Archive().ainvoke(what)

    async def research(state):
        await look_up.ainvoke({"what": "it"})

    builder = StateGraph(dict)
    builder.add_node("research", research)
    builder.add_edge(START, "research")
    graph = builder.compile(name="scholar")

    async def main():
        steps = [graph.ainvoke({}), look_up.ainvoke({"what": "it"}), Archive().ainvoke("it")]
        tasks = [asyncio.create_task(step) for step in steps]
        while len(reached) < len(tasks):
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
"""


def test_cancelled_tools_and_retrievers_are_sent(run: Callable[..., Result], receiver: Receiver) -> None:
    result = run(STEPS)
    assert result.status == 0, result.stderr
    spans = receiver.spans()
    names = Counter(span.name for span in spans if span.attributes.get("otelgate.cancelled"))
    assert names == {"scholar": 1, "research": 1, "look_up": 2, "Archive": 3}
    assert [(span.name, span.raw.status) for span in spans if span.raw.status.code == StatusCode.ERROR.value] == []
    assert len({span.raw.trace_id for span in spans}) == 3


def ended(error: str, *, status: Status, attributes: dict[str, str] | None = None) -> ReadableSpan:
    span = TracerProvider().get_tracer("any").start_span("call", attributes=attributes)
    if error:
        span.add_event("exception", {"exception.type": error, "exception.message": ""})
    span.set_status(status)
    span.end()
    return span  # type: ignore[return-value]


FAILED = Status(StatusCode.ERROR, "why")


@pytest.mark.parametrize(
    "span",
    [
        ended("asyncio.exceptions.CancelledError", status=FAILED),
        ended("concurrent.futures._base.CancelledError", status=FAILED),
        ended("GeneratorExit", status=FAILED),
        ended("trio.Cancelled", status=FAILED),
        ended("", status=FAILED, attributes={"error.type": "CancelledError"}),
        ended("", status=Status(StatusCode.ERROR, "CancelledError: ")),
    ],
)
@pytest.mark.parametrize("content", [True, False])
def test_a_cancelled_span_of_any_instrumentation_is_no_error(span: ReadableSpan, content: bool) -> None:
    (sent,) = _scrub.spans([span], content=content)
    assert (sent.status.status_code, sent.events) == (StatusCode.UNSET, ())
    assert dict(sent.attributes or {}) == {"otelgate.cancelled": True}


@pytest.mark.parametrize(
    "span",
    [
        ended("TimeoutError", status=FAILED),
        ended("MyCancelledErrorHandlerFailed", status=FAILED),
        ended("", status=FAILED, attributes={"error.type": "429"}),
        ended("", status=Status(StatusCode.ERROR)),
    ],
)
def test_an_error_stays_one(span: ReadableSpan) -> None:
    assert _scrub.spans([span], content=True) == [span]
    (sent,) = _scrub.spans([span], content=False)
    assert sent.status.status_code is StatusCode.ERROR
    assert "otelgate.cancelled" not in (sent.attributes or {})
