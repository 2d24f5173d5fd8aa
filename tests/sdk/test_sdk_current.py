"""The span of a LangChain run is current while the run's own code executes, and no longer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, GenerationChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from opentelemetry import trace
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from otelgate import _current
from traced_runs import Runs


@pytest.fixture(autouse=True)
def _these(runs: Runs) -> None:
    """Every test here looks at its runs' spans."""


def touch(name: str = "http") -> None:
    """A span as a provider's own SDK would make one."""
    trace.get_tracer("provider").start_span(name).end()


def chunk(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(text))


class Model(BaseChatModel):
    """Asks its provider once for an answer, or once for each chunk of it."""

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        touch()
        return ChatResult(generations=[ChatGeneration(message=AIMessage(str(messages[-1].content)))])

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for text in "abc":
            touch()
            yield chunk(text)


class AsyncModel(Model):
    wait_s: float = 0

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(self.wait_s)
        return self._generate(messages)

    async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        for text in "abc":
            await asyncio.sleep(self.wait_s)
            touch()
            yield chunk(text)


async def read(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


SHAPES: dict[str, tuple[Callable[[], Any], int]] = {
    "invoke": (lambda: Model().invoke("hi"), 1),
    "invoke that streams": (lambda: Model().invoke("hi", stream=True), 3),
    "stream": (lambda: list(Model().stream("hi")), 3),
    "batch": (lambda: Model().batch(["a", "b", "c"]), 3),
    "generate": (lambda: Model().generate([[AIMessage("a")], [AIMessage("b")]]), 2),
    "events": (lambda: list(Model().stream_events("hi", version="v3")), 3),
    "ainvoke": (lambda: asyncio.run(AsyncModel().ainvoke("hi")), 1),
    "ainvoke in a thread": (lambda: asyncio.run(Model().ainvoke("hi")), 1),
    "astream": (lambda: asyncio.run(read(AsyncModel().astream("hi"))), 3),
    "astream in a thread": (lambda: asyncio.run(read(Model().astream("hi"))), 3),
    "abatch": (lambda: asyncio.run(AsyncModel().abatch(["a", "b", "c"])), 3),
    "astream_events": (lambda: asyncio.run(read(AsyncModel().astream_events("hi", version="v2"))), 3),
}


@pytest.mark.parametrize(("call", "requests"), SHAPES.values(), ids=SHAPES.keys())
def test_a_model_call_is_current_while_it_asks_its_provider(runs: Runs, call: Callable[[], Any], requests: int) -> None:
    call()
    (kind,) = {span.name for span in runs.all()} - {"http"}
    assert runs.parents("http") == [kind] * requests
    ids = [span.parent.span_id for span in runs.named("http") if span.parent]
    calls = {span.context.span_id for span in runs.named(kind) if span.context}
    assert set(ids) == calls, "each call has its own requests"


def test_a_text_model_and_a_retriever_are_current(runs: Runs) -> None:
    class Text(LLM):
        @property
        def _llm_type(self) -> str:
            return "text"

        def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
            touch()
            return prompt

        def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            touch()
            yield GenerationChunk(text="a")

    class Library(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
            touch("search")
            return []

    Text().invoke("hi")
    list(Text().stream("hi"))
    asyncio.run(Text().ainvoke("hi"))
    Library().invoke("hi")
    asyncio.run(Library().ainvoke("hi"))
    assert (runs.parents("http"), runs.parents("search")) == (["Text"] * 3, ["Library"] * 2)


class State(TypedDict):
    text: str


@tool
def lookup(text: str) -> str:
    """Look something up."""
    touch("database")
    return text


@tool
async def alookup(text: str) -> str:
    """Look something up."""
    await asyncio.sleep(0)
    touch("database")
    return text


def graph(node: Callable[[State], Any], name: str | None = None) -> Any:
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name)


def test_tools_chains_and_nodes_are_current(runs: Runs) -> None:
    def node(state: State) -> dict[str, str]:
        touch("in node")
        with ThreadPoolExecutor() as pool:
            pool.submit(touch, "in thread of node").result()
        return {"text": lookup.invoke({"text": state["text"]})}

    both = RunnableParallel(left=RunnableLambda(lambda x: touch("left"), name="L"), right=Model())
    ThreadingInstrumentor().instrument()
    try:
        graph(node).invoke({"text": "a"})
        list(graph(node).stream({"text": "a"}))
    finally:
        ThreadingInstrumentor().uninstrument()
    (RunnableLambda(lambda x: touch("in chain") or "hi", name="first") | both).invoke(1)
    assert runs.parents("in node") == runs.parents("in thread of node") == ["node"] * 2
    assert runs.parents("database") == ["lookup"] * 2
    assert (runs.parents("in chain"), runs.parents("left"), runs.parents("http")) == (["first"], ["L"], ["Model"])


async def test_async_tools_and_nodes_are_current(runs: Runs) -> None:
    async def node(state: State) -> dict[str, str]:
        touch("in node")
        answers = await asyncio.gather(*(alookup.ainvoke({"text": text}) for text in "ab"))
        return {"text": "".join(answers)}

    await graph(node).ainvoke({"text": "a"})
    await read(graph(node).astream({"text": "a"}))
    await asyncio.to_thread(graph(lambda state: touch("in sync node")).invoke, {"text": "a"})
    assert runs.parents("in node") == ["node"] * 2
    assert runs.parents("database") == ["alookup"] * 4
    assert runs.parents("in sync node") == ["node"]


def test_a_graph_is_current_outside_of_its_nodes(runs: Runs) -> None:
    """Spans of its checkpointer and its edges are children of the graph's."""

    def edge(state: State) -> str:
        touch("in edge")
        return END

    builder = StateGraph(State)
    builder.add_node("node", lambda state: {"text": "b"})
    builder.add_edge(START, "node")
    builder.add_conditional_edges("node", edge)
    builder.compile(name="shop").invoke({"text": "a"})
    assert len({span.context.trace_id for span in runs.all() if span.context}) == 1


def test_a_consumer_of_a_stream_is_outside_of_it(runs: Runs) -> None:
    for number, _ in enumerate(Model().stream("hi")):
        touch("consumer")
        if number == 1:
            break
    for _ in graph(lambda state: {"text": "b"}).stream({"text": "a"}):
        touch("consumer")
    assert runs.parents("consumer") == [None] * 3


async def test_a_consumer_of_an_async_stream_is_outside_of_it(runs: Runs) -> None:
    async for _ in AsyncModel().astream("hi"):
        touch("consumer")
    async for _ in graph(lambda state: {"text": "b"}).astream({"text": "a"}):
        touch("consumer")
    assert set(runs.parents("consumer")) == {None}


def test_a_stream_may_move_between_threads(runs: Runs) -> None:
    stream = Model().stream("hi")
    with ThreadPoolExecutor(max_workers=1) as one, ThreadPoolExecutor(max_workers=1) as other:
        for pool in (one, other, one):
            pool.submit(next, stream).result()
        assert not one.submit(trace.get_current_span).result().get_span_context().is_valid
    stream.close()
    assert runs.parents("http") == ["Model"] * 3


def test_an_abandoned_stream_leaves_nothing_behind(runs: Runs) -> None:
    dropped = [Model().stream("hi"), graph(lambda state: {"text": "b"}).stream({"text": "a"})]
    for stream in dropped:
        next(stream)
        assert not trace.get_current_span().get_span_context().is_valid
    closed = Model().stream("hi")
    next(closed)
    closed.close()
    dropped.clear()
    gc.collect()
    touch("after")
    assert runs.parents("after") == [None]


async def test_a_cancelled_call_leaves_nothing_behind(runs: Runs) -> None:
    slow = AsyncModel(wait_s=3600)

    async def node(state: State) -> dict[str, str]:
        return {"text": str((await slow.ainvoke("hi")).content)}

    shop = graph(node)
    for call in (slow.ainvoke("hi"), read(slow.astream("hi")), shop.ainvoke({"text": "a"})):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(call, 0.05)
        touch("after")
    closed = AsyncModel().astream("hi")
    await anext(closed)
    await closed.aclose()
    touch("after")
    assert runs.parents("after") == [None] * 4


def test_stopped_event_loop_leaves_no_context(runs: Runs) -> None:
    """Its tasks are closed from elsewhere, where their context is not."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(AsyncModel(wait_s=3600).ainvoke("hi"))
    loop.run_until_complete(asyncio.sleep(0.05))
    coroutine: Any = task.get_coro()
    coroutine.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    touch("after")
    assert runs.parents("after") == [None]


def test_a_failing_call_leaves_nothing_behind(runs: Runs) -> None:
    def fail(state: State) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        graph(fail).invoke({"text": "a"})
    touch("after")
    assert runs.parents("after") == [None]


def test_calls_without_spans_go_on(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_current._Spans, "find", None)
    assert Model().invoke("hi").content == "hi"
    assert len(list(Model().stream("hi"))) == 4
    assert graph(lambda state: {"text": "b"}).invoke({"text": "a"}) == {"text": "b"}
    assert runs.parents("http") == [None] * 4


def test_internal_error_does_not_reach_application(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(run_id: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(_current._Spans, "find", broken)
    assert graph(lambda state: {"text": lookup.invoke(state)}).invoke({"text": "a"}) == {"text": "a"}
    assert len(list(Model().stream("hi"))) == 4
    assert "failed inside otelgate; the application goes on" in caplog.text
    caplog.clear()
