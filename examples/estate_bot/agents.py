"""The agent: a LangGraph graph, model ⇄ tools, with the Claude model that the question is worth."""

import random
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from examples.common.fake_models import FakeChatModel, Profile, Reply
from examples.common.traffic import Stage

from .tools import SENTENCES, Upstreams, make_tools, wanted

AGENT = "estate_agent"
FEATURES = ("search", "analyze", "compare", "trends", "chat")
INSTRUCTIONS = "You advise people who buy property in Dubai. Name prices in AED, and never promise a yield."

HAIKU = Profile("claude-haiku-4-5", "anthropic", 0.35, 150.0, instruction_tokens=1400)
SONNET = Profile("claude-sonnet-4-5", "anthropic", 0.8, 80.0, instruction_tokens=2200, cached=0.6, errors=0.01)
OPUS = Profile(
    "claude-opus-4-5", "anthropic", 0.9, 90.0, instruction_tokens=2600, cached=0.5, reasoning_tokens=40, errors=0.01
)

Graph = CompiledStateGraph[Any, Any, Any, Any]


def profile_for(feature: str, tier: str | None, spike: bool = False) -> Profile:
    """Short answers on Haiku, most on Sonnet, analyses for those who pay on Opus; with a cost spike all on Opus."""
    if spike:
        return OPUS
    if feature in ("chat", "trends"):
        return HAIKU
    return OPUS if feature == "analyze" and tier == "pro" else SONNET


class Agent:
    """Answers questions. The graphs are made once, one for each feature and model."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tools = make_tools(Upstreams(str(stage.seed), stage.faults, stage.speed))
        self._graphs: dict[tuple[str, str], Graph] = {}

    def answer(self, feature: str, tier: str | None, text: str) -> str:
        """Raises what the model raises: OverloadedError, ModelTimeoutError."""
        profile = profile_for(feature, tier, self._stage.faults("cost_spike"))
        graph = self._graphs.get((feature, profile.model)) or self._build(feature, profile)
        self._graphs[feature, profile.model] = graph
        words = []
        messages = [SystemMessage(INSTRUCTIONS), HumanMessage(text)]
        for chunk, metadata in graph.stream({"messages": messages}, stream_mode="messages"):
            if metadata["langgraph_node"] == "model":
                words.append(str(chunk.content))
        return "".join(words).strip()

    def _build(self, feature: str, profile: Profile) -> Graph:
        stage = self._stage
        model = FakeChatModel(
            script=lambda messages: _script(feature, messages),
            profile=profile,
            faults=stage.faults,
            seed=str(stage.seed),
            speed=stage.speed,
        ).bind_tools(self._tools)
        graph = StateGraph(MessagesState)
        graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
        graph.add_node("tools", ToolNode(self._tools, handle_tool_errors=True))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        return graph.compile(name=AGENT)


def _script(feature: str, messages: Sequence[BaseMessage]) -> Reply:
    """The fake model's mind: first all tools that the question asks for, then an answer from what they gave."""
    question = next(str(message.content) for message in messages if isinstance(message, HumanMessage))
    results = {str(message.name): message for message in messages if isinstance(message, ToolMessage)}
    asked = wanted(feature, question)
    if asked and not results:
        return [ToolCall(name=name, args=args, id=f"call_{name}") for name, args in asked.items()]
    known = {name: str(result.content) for name, result in results.items() if result.status == "success"}
    return compose(question, list(asked), known)


def compose(question: str, asked: Sequence[str], known: dict[str, str]) -> str:
    """The answer to a question from what the tools gave; those missing in `known` failed."""
    parts = [
        SENTENCES[name](known[name]) if name in known else "One of my sources did not answer; please ask me again."
        for name in asked
    ]
    draw = random.Random(question)
    closing = draw.choice(_CLOSINGS)
    return " ".join([*parts, closing]) if parts else f"{draw.choice(_OPENINGS)} {closing}"


_OPENINGS = (
    "Dubai has freehold areas in which everybody may buy, and the Marina, Downtown and JVC are the most asked for.",
    "A buyer pays four per cent to the land department, two per cent to the agent, and a little for the trustee.",
    "Off-plan flats are paid by instalments as the building grows; ready ones by a cheque on the day of the transfer.",
)
_CLOSINGS = (
    "Prices are asking prices of this week; what is paid in the end is three to five per cent less. Shall I go on?",
    "Please take it as a first look: service charges and the state of the flat change the sum by a tenth either way.",
    "If you tell me your budget and when you want to move in, I can narrow it down to a handful of flats.",
)
