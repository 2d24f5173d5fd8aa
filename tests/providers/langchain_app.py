"""Agents and models of LangChain, in every way in which an application calls them.

python langchain_app.py openai|anthropic|google RUNS, with the model server's address in MODEL_SERVER.
"""

import asyncio
import os
import sys

from ending import the_last
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph

PROVIDER, RUNS, URL = sys.argv[1], int(sys.argv[2]), os.environ["MODEL_SERVER"]


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"Fine in {city}."


def openai(number):
    from langchain_openai import ChatOpenAI

    to = {"base_url": f"{URL}/v1", "api_key": "x", "stream_usage": True}
    return ChatOpenAI(model="gpt-4.1-mini", use_responses_api=number % 2 == 1, **to)


def anthropic(number):
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model="claude-haiku-5-5", base_url=URL, api_key="x")


def google(number):
    from langchain_google_genai import ChatGoogleGenerativeAI

    return ChatGoogleGenerativeAI(model="gemini-2.5-flash", base_url=URL, api_key="x")


QUESTION = {"messages": [("user", "How is the weather in Rome?")]}
PLAN = {"messages": [("user", "Plan a day.")]}


def planner(model):
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_edge(START, "ask")
    return builder.compile(name="planner")


async def read(stream):
    return [item async for item in stream]


def agent(model):
    return create_agent(model, [weather], name="forecaster")


SYNC = [
    lambda model: agent(model).invoke(QUESTION),
    lambda model: list(agent(model).stream(QUESTION, stream_mode="messages")),
    lambda model: planner(model).invoke(PLAN),
    lambda model: model.invoke("Hello"),
    lambda model: list(model.stream("Hello")),
    lambda model: model.batch(["a", "b", "c"]),
    lambda model: agent(model).batch([QUESTION, QUESTION]),
]
ASYNC = [
    lambda model: agent(model).ainvoke(QUESTION),
    lambda model: read(agent(model).astream(QUESTION, stream_mode="messages")),
    lambda model: planner(model).ainvoke(PLAN),
    lambda model: model.ainvoke("Hello"),
    lambda model: read(model.astream("Hello")),
    lambda model: model.abatch(["a", "b", "c"]),
    lambda model: asyncio.gather(*(agent(model).ainvoke(QUESTION) for _ in range(2))),
]
make = {"openai": openai, "anthropic": anthropic, "google": google}[PROVIDER]


async def main(runs):
    """In one event loop, to which the packages' clients belong that LangChain keeps."""
    for run in range(runs):
        await ASYNC[run % len(ASYNC)](make(run // len(ASYNC)))


for run in range(RUNS - RUNS // 2):
    SYNC[run % len(SYNC)](make(run // len(SYNC)))
asyncio.run(main(RUNS // 2))
the_last()
