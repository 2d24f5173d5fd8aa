"""The assistant: a LangGraph graph, model ⇄ tools over the shop's books."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from examples.common.fake_models import FakeChatModel, Profile, Reply
from examples.common.traffic import Stage

from . import telemetry
from .books import Books

AGENT = "execora_assistant"
MINI = Profile("gpt-4o-mini", "openai", 0.4, 120.0, instruction_tokens=1100, cached=0.5)
INSTRUCTIONS = "You keep the books of a shop in India. Amounts are in rupees. Answer in one sentence: it is spoken."
FAILED = "I could not do that; please look at the books."


@dataclass(frozen=True)
class Skill:
    """A tool. `pattern`: the command, its groups the tool's arguments; `sentence`: the assistant's answer."""

    name: str
    description: str
    pattern: str
    sentence: str


SKILLS = (
    Skill("create_invoice", "Make an invoice.", r"invoice of (?P<amount>\d+) rupees for (?P<customer>.+)",
          "Invoice {} is ready."),
    Skill("update_invoice", "Change the amount of a customer's last invoice.",
          r"change the last invoice of (?P<customer>.+) to (?P<amount>\d+) rupees", "Invoice {} is changed."),
    Skill("send_invoice", "Send a customer the last invoice.", r"send the last invoice of (?P<customer>.+)",
          "Invoice {} is on its way."),
    Skill("cancel_invoice", "Cancel a customer's last invoice.", r"cancel the last invoice of (?P<customer>.+)",
          "Invoice {} is cancelled."),
    Skill("record_payment", "Take a payment.",
          r"^(?P<customer>.+) pays (?P<amount>\d+) rupees (?:by|in) (?P<method>UPI|cash)", "Payment {} is booked."),
    Skill("add_customer", "Add a customer.", r"add (?P<customer>.+) as a customer", "Customer {} is in the books."),
    Skill("update_customer", "Change a customer's phone number.",
          r"phone number of (?P<customer>.+) is (?P<phone>\d+)", "Customer {} has the new number."),
    Skill("find_customer", "Find a customer.", r"find (?P<customer>.+)", "That is customer {}."),
)  # fmt: skip


class Answer(NamedTuple):
    """`done`: whether every tool that was asked for did its work."""

    text: str
    done: bool


class Assistant:
    """Executes commands. The graph is made once."""

    def __init__(self, stage: Stage, books: Books) -> None:
        tools = make_tools(books, stage)
        model = FakeChatModel(
            script=_script, profile=MINI, faults=stage.faults, seed=str(stage.seed), speed=stage.speed
        ).bind_tools(tools)

        async def think(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("model", think)
        graph.add_node("tools", ToolNode(tools, handle_tool_errors=True))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        self._graph = graph.compile(name="execora")

    async def answer(self, shop: str, text: str) -> Answer:
        """Raises what the model raises: OverloadedError, ModelTimeoutError."""
        words, done = [], True
        asked = {"messages": [SystemMessage(INSTRUCTIONS), HumanMessage(text)]}
        config = RunnableConfig(configurable={"shop": shop})
        async for message, metadata in self._graph.astream(asked, config, stream_mode="messages"):
            if metadata["langgraph_node"] == "model" and isinstance(message, AIMessage):
                words.append(str(message.content))
            elif isinstance(message, ToolMessage):
                done = done and message.status == "success"
        return Answer("".join(words).strip(), done)


def make_tools(books: Books, stage: Stage) -> Sequence[BaseTool]:
    """One for each skill; the shop is always the caller's, even if the model says otherwise."""

    def create_invoice(customer: str, amount: int, config: RunnableConfig) -> str:
        return do(config, books.create_invoice, customer, amount)

    def update_invoice(customer: str, amount: int, config: RunnableConfig) -> str:
        return do(config, books.update_invoice, customer, amount)

    def send_invoice(customer: str, config: RunnableConfig) -> str:
        return do(config, books.send_invoice, customer)

    def cancel_invoice(customer: str, config: RunnableConfig) -> str:
        return do(config, books.cancel_invoice, customer)

    def record_payment(customer: str, amount: int, method: str, config: RunnableConfig) -> str:
        return do(config, books.pay, customer, amount, method)

    def add_customer(customer: str, config: RunnableConfig) -> str:
        return do(config, books.add_customer, customer)

    def update_customer(customer: str, phone: str, config: RunnableConfig) -> str:
        return do(config, books.update_customer, customer, phone)

    def find_customer(customer: str, config: RunnableConfig) -> str:
        return do(config, books.find_customer, customer)

    def do(config: RunnableConfig, work: Callable[..., int], *arguments: Any) -> str:
        try:
            if stage.faults("tool_errors") and random.Random(f"{stage.seed} {arguments}").random() < 0.6:
                raise ConnectionError("the books are not at hand")
            return str(work(config["configurable"]["shop"], *arguments))
        except Exception as error:
            telemetry.count_error(error)
            raise

    functions = (
        *(create_invoice, update_invoice, send_invoice, cancel_invoice),
        *(record_payment, add_customer, update_customer, find_customer),
    )
    described = {skill.name: skill.description for skill in SKILLS}
    return [StructuredTool.from_function(each, description=described[each.__name__]) for each in functions]


def wanted(text: str) -> tuple[Skill, dict[str, Any]] | None:
    """The skill that a command asks for, and the tool's arguments; None for a question without one."""
    for skill in SKILLS:
        if found := re.search(skill.pattern, text, re.IGNORECASE):
            args: dict[str, Any] = found.groupdict()
            return skill, args | ({"amount": int(args["amount"])} if "amount" in args else {})
    return None


def compose(asked: Skill | None, result: str | None) -> str:
    """The assistant's reply; `result` is the tool's, None where it failed."""
    if asked is None:
        return "Remind them after a week, politely, and call after two."
    return FAILED if result is None else asked.sentence.format(result)


def _script(messages: Sequence[BaseMessage]) -> Reply:
    """The fake model's mind: the tool that is asked for, then a sentence about what it did."""
    found = wanted(next(str(message.content) for message in messages if isinstance(message, HumanMessage)))
    result = next((message for message in messages if isinstance(message, ToolMessage)), None)
    if found and result is None:
        skill, args = found
        return [ToolCall(name=skill.name, args=args, id=f"call_{skill.name}")]
    succeeded = result is not None and result.status == "success"
    return compose(found[0] if found else None, str(result.content) if result is not None and succeeded else None)
