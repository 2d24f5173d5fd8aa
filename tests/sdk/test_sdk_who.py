"""Which agent, session and user the spans of LangChain's runs get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypedDict

import otelgate
import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from opentelemetry import baggage
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from otelgate import _who
from traced_runs import Runs

AGENT = "gen_ai.agent.name"


class Model(BaseChatModel):
    runs: Any = None
    tool_name: str = ""

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        if self.runs:
            self.runs.touch()
        asks = self.tool_name and messages[-1].type != "tool"
        calls = [{"name": self.tool_name, "args": {}, "id": "call"}] if asks else []
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=calls))])


class State(TypedDict):
    text: str


def graph(name: str | None, node: Callable[[State], Any], **kwargs: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name, **kwargs)


def asking(runs: Runs, name: str | None, **kwargs: Any) -> Any:
    """A graph that calls a model."""

    def node(state: State) -> dict[str, str]:
        return {"text": str(Model(runs=runs).invoke("hi").content)}

    return graph(name, node, **kwargs)


@pytest.mark.parametrize("name", ["weather_agent", "planner", None])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_graph_is_an_agent_by_its_name_from_its_first_child_on(
    runs: Runs, name: str | None, asynchronous: bool
) -> None:
    made = asking(runs, name)
    if asynchronous:
        asyncio.run(made.ainvoke({"text": "a"}))
    else:
        made.invoke({"text": "a"})
    shown = name or "LangGraph"
    assert runs.values(AGENT) == {shown: shown, "node": shown, "Model": shown, "http": shown}
    assert runs.values("gen_ai.operation.name")[shown] == "invoke_agent"
    assert runs.all()[0].name == "http", "the graph's own span comes last"


def test_nested_agents_get_their_own_calls(runs: Runs) -> None:
    @tool
    def ask_planner() -> str:
        """Ask the planner."""
        return str(asking(runs, "planner").invoke({"text": "a"})["text"])

    boss = create_agent(Model(tool_name="ask_planner"), [ask_planner], name="boss")
    boss.invoke({"messages": [("user", "hi")]})
    assert runs.values(AGENT) == {
        "boss": "boss", "model": "boss", "tools": "boss", "ask_planner": "boss", "Model": {"boss", "planner"},
        "planner": "planner", "node": "planner", "http": "planner",
    }  # fmt: skip


def test_unnamed_graph_in_agent_belongs_to_it(runs: Runs) -> None:
    inner = asking(runs, None)
    graph("outer", lambda state: inner.invoke(state)).invoke({"text": "a"})
    assert set(runs.values(AGENT).values()) == {"outer"}
    assert runs.values("gen_ai.operation.name")["LangGraph"] is None


def test_named_agent_replaces_name_of_its_graph(runs: Runs) -> None:
    with otelgate.agent("clerk"):
        asking(runs, "clerk_graph").invoke({"text": "a"})
    assert set(runs.values(AGENT).values()) == {"clerk"}
    with otelgate.agent("boss"):
        create_agent(Model(runs=runs), [], name="worker").invoke({"messages": [("user", "hi")]})
    assert runs.values(AGENT)["worker"] == "worker"
    assert runs.values(AGENT)["http"] == {"clerk", "worker"}


def test_graph_of_agent_in_node_belongs_to_agent(runs: Runs) -> None:
    inner = asking(runs, "clerk_graph")

    def node(state: State) -> Any:
        with otelgate.agent("clerk"):
            return inner.invoke(state)

    with otelgate.agent("boss"):
        graph("office", node).invoke({"text": "a"})
    agents = runs.values(AGENT)
    assert {name: agents[name] for name in ("clerk_graph", "Model", "http", "invoke_agent clerk")} == {
        "clerk_graph": "clerk", "Model": "clerk", "http": "clerk", "invoke_agent clerk": "clerk",
    }  # fmt: skip
    assert runs.values("gen_ai.operation.name")["clerk_graph"] is None
    assert agents["office"] == "boss"


def test_an_agent_within_a_node_is_nearer_than_the_graph(runs: Runs) -> None:
    def node(state: State) -> State:
        with otelgate.agent("inner"):
            runs.touch("in agent")
        runs.touch("in node")
        return state

    graph("outer", node).invoke({"text": "a"})
    assert {runs.values(AGENT)[name] for name in ("in agent", "invoke_agent inner")} == {"inner"}
    assert runs.values(AGENT)["in node"] == "outer"


def test_baggage_names_the_nearest_agent(runs: Runs) -> None:
    seen = []

    @tool
    def remote() -> str:
        """Call another service."""
        seen.append(baggage.get_baggage(AGENT))
        return ""

    worker = create_agent(Model(tool_name="remote"), [remote], name="worker")
    with otelgate.agent("boss"):
        worker.invoke({"messages": [("user", "hi")]})
    worker.invoke({"messages": [("user", "hi")]})
    assert seen == ["worker", None], "only where the application lets names travel"


def test_explicit_agent_of_span_is_kept(runs: Runs) -> None:
    with otelgate.agent("boss"):
        runs.tracer().start_span("other", attributes={AGENT: "own"}).end()
    assert runs.values(AGENT)["other"] == "own"


def test_the_application_s_session_wins_over_a_thread(runs: Runs) -> None:
    shop = asking(runs, "shop", checkpointer=InMemorySaver())
    with otelgate.session("s-1", user_id="u-1"):
        shop.invoke({"text": "a"}, {"configurable": {"thread_id": "t-1"}, "metadata": {"user_id": "u-2"}})
    assert set(runs.values("session.id").values()) == {"s-1"}
    assert set(runs.values("user.id").values()) == {"u-1"}


@pytest.mark.parametrize(
    ("config", "session", "user"),
    [
        ({"configurable": {"thread_id": "t-1"}}, "t-1", None),
        ({"metadata": {"user_id": "u-1"}}, None, "u-1"),
        ({"metadata": {"user_id": 7, "session_id": "s-1", "thread_id": "t-1"}}, "s-1", "7"),
        ({"metadata": {"conversation_id": "c-1", "thread_id": "t-1", "user_id": ""}}, "c-1", None),
    ],
)
def test_langchain_s_metadata_says_who_where_nothing_else_does(
    runs: Runs, config: Any, session: str | None, user: str | None
) -> None:
    asking(runs, "shop").invoke({"text": "a"}, config)
    assert set(runs.values("session.id").values()) == {session}, "children of others' instrumentations too"
    assert set(runs.values("user.id").values()) == {user}


def test_metadata_of_an_inner_run_is_its_own(runs: Runs) -> None:
    inner = asking(runs, "inner")
    outer = graph("outer", lambda state: inner.invoke(state, {"metadata": {"session_id": "s-2"}}))
    outer.invoke({"text": "a"}, {"metadata": {"session_id": "s-1"}})
    assert (runs.values("session.id")["outer"], runs.values("session.id")["http"]) == ("s-1", "s-2")


def test_log_records_get_the_agent_and_session_of_their_span(runs: Runs) -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(_who.LogWho())
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))

    def node(state: State) -> State:
        provider.get_logger("test").emit(body="in node")
        return state

    graph("planner", node).invoke({"text": "a"}, {"metadata": {"session_id": "s-1", "user_id": "u-1"}})
    with otelgate.session("s-2"), otelgate.agent("boss"):
        graph("planner", node).invoke({"text": "a"})
        provider.get_logger("test").emit(body="own", attributes={AGENT: "own"})
    found = [dict(each.log_record.attributes or {}) for each in exporter.get_finished_logs()]
    assert found == [
        {"session.id": "s-1", "user.id": "u-1", AGENT: "planner"},
        {"session.id": "s-2", AGENT: "boss"},
        {"session.id": "s-2", AGENT: "own"},
    ]
    trace_id = runs.named("planner")[0].context.trace_id  # type: ignore[union-attr]
    assert exporter.get_finished_logs()[0].log_record.trace_id == trace_id


def test_a_session_set_by_an_instrumentation_stays(runs: Runs) -> None:
    with runs.tracer().start_as_current_span("outer", attributes={"session.id": "s-1"}):
        runs.tracer().start_span("inner", attributes={"session.id": "s-2"}).end()
        runs.touch()
    assert runs.values("session.id") == {"outer": "s-1", "inner": "s-2", "http": "s-1"}


async def test_agents_that_run_side_by_side_keep_their_own_calls_and_spans(runs: Runs) -> None:
    """A node for each item, in each an agent, in each two tools at once, in each a span of the application's."""

    async def look(name: str, item: str) -> str:
        await asyncio.sleep(0.01)
        runs.touch(f"lookup {item} {name}")
        return ""

    @tool
    async def stock(item: str) -> str:
        """In stock?"""
        return await look("stock", item)

    @tool
    async def price(item: str) -> str:
        """How much?"""
        return await look("price", item)

    class Both(Model):
        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
            item, asks = messages[0].content, messages[-1].type != "tool"
            calls = [{"name": name, "args": {"item": item}, "id": f"{name}{item}"} for name in ("stock", "price")]
            message = AIMessage("", tool_calls=calls if asks else [])
            return ChatResult(generations=[ChatGeneration(message=message)])

    worker = create_agent(Both(), [stock, price], name="worker")

    async def work(state: State) -> dict[str, str]:
        await worker.ainvoke({"messages": [("user", state["text"])]})
        return {}

    builder = StateGraph(State)
    builder.add_node("plan", lambda state: {})
    builder.add_node("work", work)
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", lambda state: [Send("work", {"text": item}) for item in "abc"], ["work"])
    with otelgate.session("s-1", user_id="u-1"), otelgate.agent("boss"):
        await builder.compile(name="boss_graph").ainvoke({"text": ""})
    assert len({span.context.trace_id for span in runs.all() if span.context}) == 1
    assert set(runs.values("session.id").values()) == {"s-1"}
    assert set(runs.values("user.id").values()) == {"u-1"}
    for item in "abc":
        assert (runs.parents(f"lookup {item} stock"), runs.parents(f"lookup {item} price")) == (["stock"], ["price"])
    assert (len(runs.named("worker")), len(runs.named("Both")), len(runs.named("stock"))) == (3, 6, 3)
    agents = runs.values(AGENT)
    assert {agents[name] for name in ("worker", "Both", "stock", "price", "lookup a stock")} == {"worker"}
    assert {agents[name] for name in ("boss_graph", "plan", "work", "invoke_agent boss")} == {"boss"}
    by_id = {span.context.span_id: span for span in runs.all() if span.context}
    for span in (*runs.named("stock"), *runs.named("price")):
        above = span
        while above.parent:
            above = by_id[above.parent.span_id]
            assert above.name not in ("stock", "price"), "no tool under another one"
