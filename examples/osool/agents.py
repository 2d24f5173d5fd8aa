"""The chat agent: LangChain's create_agent with GPT-4o behind a circuit breaker, and two tools over the database."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import otelgate
from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import BaseTool, tool
from pybreaker import CircuitBreaker

from examples.common.fake_models import FakeChatModel, ModelTimeoutError, Profile, Reply
from examples.common.traffic import Stage

from .breakers import Breakers
from .database import AREAS
from .market import Properties
from .switches import is_broken

AGENT = "osool_assistant"
GPT_4O = Profile("gpt-4o", "openai", 0.4, 140.0, instruction_tokens=1500, cached=0.5, errors=0.01)
INSTRUCTIONS = "You help people in Egypt to find a home. Name prices in EGP, and say that a valuation is an estimate."


class GuardedModel(FakeChatModel):
    """A model whose calls go through a breaker; while that is open each fails immediately, with CircuitBreakerError."""

    breaker: CircuitBreaker

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self.breaker.calling():
            if is_broken(self.faults, "openai"):
                raise ModelTimeoutError("no answer within 60 s")
            yield from super()._stream(messages, stop, run_manager, **kwargs)


class Assistant:
    """Answers questions about homes."""

    def __init__(self, stage: Stage, breakers: Breakers, properties: Properties) -> None:
        model = GuardedModel(
            script=_script,
            profile=GPT_4O,
            faults=stage.faults,
            seed=str(stage.seed),
            speed=stage.speed,
            breaker=breakers["openai"],
        )
        self._graph = create_agent(model, make_tools(properties), system_prompt=INSTRUCTIONS, name=AGENT)

    def answer(self, text: str) -> tuple[str, str | None]:
        """The answer and its trace. Raises what the model raises, and CircuitBreakerError."""
        words = []
        with otelgate.agent(AGENT):
            trace_id = otelgate.current_trace_id()
            for chunk, metadata in self._graph.stream({"messages": [HumanMessage(text)]}, stream_mode="messages"):
                if metadata["langgraph_node"] == "model":
                    words.append(str(chunk.content))
        return "".join(words).strip(), trace_id


def make_tools(properties: Properties) -> Sequence[BaseTool]:
    @tool
    def search_properties(area: str, bedrooms: int, below_egp: int) -> str:
        """Find homes for sale in an area."""
        otelgate.event("property.search")
        found = properties.search(area, bedrooms, below_egp)
        return "; ".join(f"no. {home['id']}, {home['square_metres']} m2, EGP {home['price_egp']:,}" for home in found)

    @tool
    def value_property(area: str, bedrooms: int) -> str:
        """Estimate what a home is worth, by those on the market."""
        worth = properties.value(area, bedrooms)
        return f"EGP {worth:,}" if worth else "unknown"

    return [search_properties, value_property]


def _script(messages: Sequence[BaseMessage]) -> Reply:
    """The fake model's mind: the tool that the question asks for, then an answer from what it gave."""
    question = next(str(message.content) for message in messages if isinstance(message, HumanMessage))
    results = [message for message in messages if isinstance(message, ToolMessage)]
    wanted = wanted_tool(question)
    if wanted and not results:
        return [wanted]
    return compose(question, wanted, str(results[-1].content) if results else None)


def compose(question: str, wanted: ToolCall | None, found: str | None) -> str:
    """The answer, from what the tool gave."""
    closing = random.Random(question).choice(_CLOSINGS)
    if not wanted:
        return f"A buyer pays a registration fee and a notary, and can pay by instalments over eight years. {closing}"
    opening = "On the market now" if wanted["name"] == "search_properties" else "It is worth about"
    return f"{opening}: {found or 'nothing at that price'}. {closing}"


def wanted_tool(question: str) -> ToolCall | None:
    """The call that a question asks for: "Find 2 bedrooms in Maadi below 9000000", "What are 2 … in Maadi worth?"."""
    words = question.lower()
    area = next((name for name in AREAS if name.lower() in words), "New Cairo")
    numbers = [int(word) for word in words.replace("?", "").split() if word.isdigit()]
    if words.startswith("find"):
        args = {"area": area, "bedrooms": numbers[0], "below_egp": numbers[1]}
        return ToolCall(name="search_properties", args=args, id="call_search")
    if "worth" in words:
        return ToolCall(name="value_property", args={"area": area, "bedrooms": numbers[0]}, id="call_value")
    return None


_CLOSINGS = (
    "Prices move with the pound, so please take this as a first look. Shall I reserve one for you?",
    "Delivered homes cost a fifth more than those being built. Tell me when you want to move in.",
    "I can compare it with a share in one of our pools, which can be sold at any time.",
)
