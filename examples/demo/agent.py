"""A bike shop's LangGraph agent: no API key, no network, the same answers at every run.

    python agent.py                              # no telemetry
    opentelemetry-instrument python agent.py     # traces, logs and metrics, set by the standard OTEL_* variables

Only the lines marked `# otelgate` know of it; they do nothing where telemetry is off.
"""

import argparse
import json
import logging
import random
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import otelgate  # otelgate
from fake_model import FakeChatModel, Reply
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from opentelemetry import metrics
from shop import ShopDocuments, make_tools

log = logging.getLogger("bike_shop")
answers = metrics.get_meter("bike_shop").create_counter(
    "demo.answers", unit="{answer}", description="Answers given, by outcome"
)

QUESTIONS = [
    "Where is order 1042, and what does delivery to Cairo cost?",
    "Is a saddle in stock?",
    "What would delivery to Lisbon cost?",
    "Can I send a helmet back?",
    "Where is order 1044, and how long is the guarantee on the frame?",
    "When is the workshop open?",
]
TIERS = ["free", "basic", "pro"]
ATTEMPTS = 2
"""How often the agent tries a tool before it gives up."""


def script(messages: Sequence[BaseMessage]) -> Reply:
    """The fake model's mind: the tools that the question asks for, once more those that failed, then an answer."""
    question = next(str(message.content) for message in messages if isinstance(message, HumanMessage))
    results = [message for message in messages if isinstance(message, ToolMessage)]
    known = {str(result.name): str(result.content) for result in results if result.status == "success"}
    missing = {
        name: args
        for name, args in _wanted(question).items()
        if name not in known and sum(result.name == name for result in results) < ATTEMPTS
    }
    if missing:
        return [ToolCall(name=name, args=args, id=f"call_{len(results)}_{name}") for name, args in missing.items()]
    parts = [
        _sentence(name, args, known[name])
        if name in known
        else "I could not reach the carrier; please ask me again later."
        for name, args in _wanted(question).items()
    ]
    documents = next((str(message.content) for message in messages if isinstance(message, SystemMessage)), "")
    return " ".join([*parts, documents]).strip()


def _wanted(question: str) -> dict[str, dict[str, str]]:
    wanted = {}
    if found := re.search(r"order (\d+)", question):
        wanted["order_status"] = {"order_id": found[1]}
    if found := re.search(r"an? (\w+) in stock", question):
        wanted["check_stock"] = {"item": found[1]}
    if found := re.search(r"delivery to (\w+)", question):
        wanted["delivery_price"] = {"city": found[1]}
    return wanted


def _sentence(tool: str, args: dict[str, str], result: str) -> str:
    match tool:
        case "order_status":
            return f"Order {args['order_id']} is {result}."
        case "check_stock":
            return f"We have {result} of that ({args['item']})."
        case _:
            return f"Delivery to {args['city']} costs {result} EUR."


def build_agent(
    seed: int, first_token_s: float, tokens_per_s: float, failure_rate: float
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """retrieve → model ⇄ tools, as a graph."""
    tools = make_tools(random.Random(f"boat {seed}"), failure_rate)
    retriever = ShopDocuments()
    model = FakeChatModel(
        script=script, first_token_s=first_token_s, tokens_per_s=tokens_per_s, rng=random.Random(f"model {seed}")
    ).bind_tools(tools)

    def retrieve(state: MessagesState) -> dict[str, Any]:
        documents = retriever.invoke(str(state["messages"][-1].content))
        return {"messages": [SystemMessage(" ".join(document.page_content for document in documents))]}

    def call_model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("retrieve", retrieve)
    graph.add_node("model", call_model)
    graph.add_node("tools", ToolNode(tools, handle_tool_errors=True))
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(name="bike_shop")


def answer(graph: CompiledStateGraph[Any, Any, Any, Any], question: str) -> str:
    """Stream one answer, as a chat window would, and count it."""
    log.info("question of %d characters", len(question))
    words = []
    stream: Iterator[Any] = graph.stream({"messages": [HumanMessage(question)]}, stream_mode="messages")
    for chunk, metadata in stream:
        if metadata["langgraph_node"] == "model":
            words.append(str(chunk.content))
    text = "".join(words).strip()
    outcome = "apologised" if "could not" in text else "answered"
    answers.add(1, {"outcome": outcome})
    log.info("%s with %d words", outcome, len(text.split()))
    return text


def run(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run of the agent: one session, one question, one trace."""
    question = QUESTIONS[seed % len(QUESTIONS)]
    graph = build_agent(seed, options.delay, options.tokens_per_second, options.failure_rate)
    session, user, tier = f"session-{seed:04d}", f"user-{seed % 3 + 1}", TIERS[seed % len(TIERS)]
    with otelgate.session(session, user_id=user, tier=tier), otelgate.agent("bike_shop"):  # otelgate
        text = answer(graph, question)
        trace_id = otelgate.current_trace_id()  # otelgate
        helped = "could not" not in text
        otelgate.feedback(helped, comment="thanks!" if helped else "no price?")  # otelgate: the user's thumb
    ended_ns = time.time_ns()
    return {"seed": seed, "question": question, "answer": text, "trace_id": trace_id, "ended_unix_nano": ended_ns}


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask the bike shop's agent a few questions.")
    parser.add_argument("--runs", type=int, default=3, help="how many questions (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="the first run's seed; run i has seed + i (default 0)")
    parser.add_argument("--delay", type=float, default=0.2, help="mean time to first token, in seconds (default 0.2)")
    parser.add_argument("--tokens-per-second", type=float, default=100.0, help="speed after that (default 100)")
    parser.add_argument("--failure-rate", type=float, default=0.4, help="how often the carrier fails (default 0.4)")
    parser.add_argument("--json", action="store_true", help="one JSON line a run, with trace id and time of its end")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    for seed in range(options.seed, options.seed + options.runs):
        result = run(seed, options)
        print(json.dumps(result) if options.json else f"Q: {result['question']}\nA: {result['answer']}\n", flush=True)


if __name__ == "__main__":
    main()
