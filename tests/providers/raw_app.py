"""The providers' own packages, in every way in which an application calls them.

python raw_app.py openai|anthropic|google RUNS, with the model server's address in MODEL_SERVER.
"""

import asyncio
import os
import sys

from ending import the_last

PROVIDER, RUNS, URL = sys.argv[1], int(sys.argv[2]), os.environ["MODEL_SERVER"]
HELLO = [{"role": "user", "content": "Hello"}]


async def read(stream):
    return [item async for item in await stream]


def weather(city: str) -> str:
    """The weather in a city."""
    return f"Fine in {city}."


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


def openai():
    from openai import AsyncOpenAI, OpenAI

    to = {"base_url": f"{URL}/v1", "api_key": "x"}
    sync, asynchronous = OpenAI(**to), AsyncOpenAI(**to)
    chat = {"model": "gpt-4.1-mini", "messages": HELLO}
    streamed = {**chat, "stream": True, "stream_options": {"include_usage": True}}
    response = {"model": "gpt-4.1-mini", "input": "Hello"}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
    return [
        lambda: sync.chat.completions.create(**chat),
        lambda: list(sync.chat.completions.create(**streamed)),
        lambda: sync.chat.completions.create(**chat, tools=tools),
        lambda: sync.responses.create(**response),
        lambda: list(sync.responses.create(**response, stream=True)),
    ], [
        lambda: asynchronous.chat.completions.create(**chat),
        lambda: read(asynchronous.chat.completions.create(**streamed)),
        lambda: asynchronous.responses.create(**response),
        lambda: read(asynchronous.responses.create(**response, stream=True)),
    ]


def anthropic():
    from anthropic import Anthropic, AsyncAnthropic

    to = {"base_url": URL, "api_key": "x"}
    sync, asynchronous = Anthropic(**to), AsyncAnthropic(**to)
    message = {"model": "claude-haiku-5-5", "max_tokens": 100, "messages": HELLO}
    tools = [{"name": "weather", "input_schema": PARAMETERS}]

    def helper():
        with sync.messages.stream(**message) as stream:
            return list(stream.text_stream)

    async def async_helper():
        async with asynchronous.messages.stream(**message) as stream:
            await stream.get_final_message()

    return [
        lambda: sync.messages.create(**message),
        lambda: list(sync.messages.create(**message, stream=True)),
        lambda: sync.messages.create(**message, tools=tools),
        helper,
        lambda: sync.beta.messages.create(**message),
    ], [
        lambda: asynchronous.messages.create(**message),
        lambda: read(asynchronous.messages.create(**message, stream=True)),
        async_helper,
    ]


def google():
    from google import genai

    client = genai.Client(api_key="x", http_options={"base_url": URL})
    hello = {"model": "gemini-2.5-flash", "contents": "Hello"}
    tools = {"tools": [weather], "automatic_function_calling": {"disable": True}}
    return [
        lambda: client.models.generate_content(**hello),
        lambda: list(client.models.generate_content_stream(**hello)),
        lambda: client.models.generate_content(**hello, config=tools),
        lambda: client.chats.create(model=hello["model"]).send_message("Hello"),
        lambda: client.chats.create(model=hello["model"], config={"tools": [weather]}).send_message("Hello"),
    ], [
        lambda: client.aio.models.generate_content(**hello),
        lambda: read(client.aio.models.generate_content_stream(**hello)),
    ]


async def main(shapes, runs):
    for run in range(runs):
        await shapes[run % len(shapes)]()


in_turn, asynchronous = {"openai": openai, "anthropic": anthropic, "google": google}[PROVIDER]()
for run in range(RUNS - RUNS // 2):
    in_turn[run % len(in_turn)]()
asyncio.run(main(asynchronous, RUNS // 2))
the_last()
