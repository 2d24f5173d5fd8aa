"""The graph: a router, and behind it four departments, each a model that calls tools."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import otelgate
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from examples.common.fake_models import Profile, Reply
from examples.common.traffic import Stage

from .departments import DEPARTMENTS, compose, route, wanted
from .knowledge import Handbook
from .model import ASSISTANT, ROUTER, LocalModel
from .servers import ModelServer
from .tools import make_tools

ROUTER_AGENT = "router"
CONFIDENCE = "confidence"

Graph = CompiledStateGraph[Any, Any, Any, Any]


class State(MessagesState):
    department: str


@dataclass
class Outcome:
    """The result of a turn, without its text. `tools`: whether each tool that was called succeeded."""

    department: str = ""
    tools: dict[str, bool] = field(default_factory=dict)
    relevance: float | None = None
    confidence: float = 0.0


class Office:
    """Answers questions, streaming. The graph is made once."""

    def __init__(self, stage: Stage, server: ModelServer, handbook: Handbook) -> None:
        self._stage, self._server, self._handbook = stage, server, handbook
        # Not streamed: no user reads it, and its first word is not the answer's.
        self._router = self._model(ROUTER, lambda messages: route(_question(messages)).department, streams=False)
        graph = StateGraph(State)
        graph.add_node("route", self._route)
        graph.add_edge(START, "route")
        for name in DEPARTMENTS:
            graph.add_node(name, self._department(name))
            graph.add_edge(name, END)
        graph.add_conditional_edges("route", _chosen, list(DEPARTMENTS))
        self._graph: Graph = graph.compile(name="bestbox")

    async def answer(self, question: str, outcome: Outcome) -> AsyncIterator[str]:
        """The answer's words as they come. Raises what the model raises. `outcome` is filled meanwhile.

        The router is the agent that was asked; the department that it hands on to is an agent inside of its run.
        """
        async with otelgate.agent(ROUTER_AGENT):
            asked = {"messages": [HumanMessage(question)]}
            async for _, (message, metadata) in self._graph.astream(asked, stream_mode="messages", subgraphs=True):
                node = metadata["langgraph_node"]
                if node == "route" and isinstance(message, AIMessage):
                    outcome.department = str(message.content).strip()
                elif node == "tools" and isinstance(message, ToolMessage):
                    _note(message, outcome)
                elif node == "model" and isinstance(message, AIMessageChunk) and message.content:
                    yield str(message.content)
            outcome.confidence = confidence(route(question).certainty, outcome.tools, outcome.relevance)
            otelgate.score(CONFIDENCE, outcome.confidence)

    async def _route(self, state: State) -> dict[str, Any]:
        names = "; ".join(f"{name}: {each.title}" for name, each in DEPARTMENTS.items())
        reply = await self._router.ainvoke([SystemMessage(f"Name the department. {names}"), *state["messages"]])
        return {"department": str(reply.content).strip()}

    def _department(self, name: str) -> Callable[[State], Any]:
        graph = self._assistant(name)
        instructions = SystemMessage(f"You help with {DEPARTMENTS[name].title}. Ask the systems; never guess a number.")

        async def work(state: State) -> dict[str, Any]:
            async with otelgate.agent(name):
                done = await graph.ainvoke({"messages": [instructions, *state["messages"]]})
            return {"messages": done["messages"][-1:]}

        return work

    def _assistant(self, name: str) -> Graph:
        tools = make_tools(name, self._handbook, self._stage)
        model = self._model(ASSISTANT, lambda messages: _reply(name, messages)).bind_tools(tools)

        async def think(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("model", think)
        graph.add_node("tools", ToolNode(tools, handle_tool_errors=True))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        return graph.compile(name=f"bestbox {name}")

    def _model(
        self, profile: Profile, script: Callable[[Sequence[BaseMessage]], Reply], *, streams: bool = True
    ) -> LocalModel:
        stage = self._stage
        return LocalModel(
            disable_streaming=not streams,
            script=script,
            profile=profile,
            faults=stage.faults,
            seed=str(stage.seed),
            speed=stage.speed,
            server=self._server,
        )


def confidence(certainty: float, tools: dict[str, bool], relevance: float | None) -> float:
    """How sure the assistant is of an answer, 0 to 1."""
    worked = sum(tools.values()) / len(tools) if tools else 0.8
    return round(certainty * worked * (1.0 if relevance is None else relevance), 3)


def _chosen(state: State) -> str:
    return state["department"]


def _note(message: ToolMessage, outcome: Outcome) -> None:
    outcome.tools[str(message.name)] = message.status == "success"
    if message.artifact is not None:
        outcome.relevance = message.artifact


def _question(messages: Sequence[BaseMessage]) -> str:
    return next(str(message.content) for message in messages if isinstance(message, HumanMessage))


def _reply(department: str, messages: Sequence[BaseMessage]) -> Reply:
    """First all tools that the question asks for, then an answer from what they gave."""
    question = _question(messages)
    asked = wanted(department, question)
    results = [message for message in messages if isinstance(message, ToolMessage)]
    if asked and not results:
        return [ToolCall(name=name, args={"about": about}, id=f"call_{name}") for name, about in asked]
    known = {str(result.name): str(result.content) for result in results if result.status == "success"}
    return compose(department, asked, known)
