"""The question, the reply, a tool's arguments and result: in every dialect that the gateway lets through."""

from __future__ import annotations

from typing import Any

import pytest
from otelgate_audit.ingest.decode import decode_traces
from otelgate_audit.model.records import Batch
from protobuf_field import field

from ..decoding import GOLDEN, NOW_US, golden, span, traces, value

Words = tuple[str, str | None, str | None, str | None]

OSLO, NINE = "When is the flight to Oslo?", "The flight to Oslo leaves at nine . "
PAY = "Where do I pay?"
ASKED_FOR_A_TOOL = None

# operation or tool -> input, output, error message; in order of start, runs before what they call
GRAPH: list[Words] = [
    ("run", OSLO, NINE, None),
    ("chat", OSLO, ASKED_FOR_A_TOOL, None),
    ("chat", OSLO, NINE, None),
    ("search_flights", "ARGUMENTS", "SK1 to Oslo, SK2 to Oslo", None),
]
AGENT: list[Words] = [
    ("run", PAY, NINE, None),
    ("chat", PAY, ASKED_FOR_A_TOOL, None),
    ("chat", PAY, NINE, None),
    ("ask_agent_desk", "ARGUMENTS", "Gate 4.", None),
]
TEAM: list[Words] = [
    ("run", "How much?", NINE, None),
    ("chat", "How much?", "To billing . ", None),
    ("chat", "How much?", ASKED_FOR_A_TOOL, None),
    ("chat", "to Oslo", "Four . ", None),
    ("chat", "How much?", NINE, None),
    ("ask_clerk", "ARGUMENTS", "Four . ", None),
]
TEAM_RUNS: list[Words] = [
    ("run", "How much?", "To billing . ", None),
    ("run", "to Oslo", "Four . ", None),
    ("run", "How much?", NINE, None),
]
FAILURES: list[Words] = [
    ("run", "Pay.", None, "card refused"),
    ("chat", "Pay.", ASKED_FOR_A_TOOL, None),
    ("chat", "hello", None, "429 too many requests"),
    ("pay", "ARGUMENTS", None, "card refused"),
]
OI, JSON = "to Oslo", '{"question":"to Oslo"}'

CASES: dict[str, tuple[str, list[Words]]] = {
    "openinference-graph-content": (OI, GRAPH),
    "openinference-agent-content": (OI, AGENT),
    "openinference-team-content": (OI, TEAM + TEAM_RUNS),
    "openinference-failures-content": (OI, [*FAILURES, ("chat", "hello", "The ", None)]),
    "otel-graph-content": (JSON, GRAPH),
    "otel-agent-content": (JSON, AGENT),
    "otel-team-content": (JSON, TEAM + TEAM_RUNS),
    "otel-failures-content": (JSON, [*FAILURES, ("chat", "hello", None, None)]),
    "traceloop-graph-content": (JSON, GRAPH),
    "traceloop-agent-content": (JSON, AGENT),
    "traceloop-team-content": (JSON, TEAM),
    "traceloop-failures-content": (
        JSON,
        # Its agents' own spans have no content: the workflow's below them does.
        [*FAILURES, ("run", None, None, "card refused"), ("chat", "hello", None, None)],
    ),
    "provider-twice": ("", [("run", "When?", "At nine.", None), *[("chat", "When?", "At nine.", None)] * 4]),
    "traceloop-older": ("{}", [("chat", "hi", None, None), ("search", "ARGUMENTS", None, None)]),
    "openlit-agent": ("{}", [("search", "ARGUMENTS", None, None)]),
    "openinference-embeddings": ("", []),
}


def test_content_table_has_every_golden_case() -> None:
    assert {path.name for path in GOLDEN.glob("*-content")} <= set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    arguments, expected = CASES[case]
    batch = decode_traces(golden(case), NOW_US)
    assert batch.rejects == []
    filled = [(kind, arguments if words == "ARGUMENTS" else words, *rest) for kind, words, *rest in expected]
    assert sorted(_words(batch), key=repr) == sorted(filled, key=repr)


def test_content_has_tool_call_id_of_langchain_message() -> None:
    batch = decode_traces(golden("openinference-graph-content"), NOW_US)
    assert [call.call_id for call in batch.tool_calls] == ["call-1"]


HUMAN = '{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"], "kwargs": %s}'
QUESTIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "a plain string": ({"input.value": "When?"}, "When?"),
    "LangChain's pairs": ({"input.value": '{"messages": [["user", "When?"]]}'}, "When?"),
    "one of several questions": ({"input.value": '{"messages": [["user", "A"], ["ai", "B"], ["human", "C"]]}'}, "C"),
    "a string for all messages": ({"input.value": '{"messages": "When?"}'}, "When?"),
    "a message as data": ({"input.value": '{"messages": [{"type": "human", "data": {"content": "When?"}}]}'}, "When?"),
    "a message as constructor": ({"input.value": '{"messages": [[%s]]}' % (HUMAN % '{"content": "When?"}')}, "When?"),
    "OpenAI's messages": ({"input.value": '[{"role": "user", "content": "When?", "data": {}}]'}, "When?"),
    "parts of a message": (
        {"input.value": '[{"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image"}, "When?"]}]'},
        "See\nWhen?",
    ),
    "a chain's input": ({"input.value": '{"input": "When?", "chat_history": [{"role": "x"}]}'}, "When?"),
    "a chain's question": ({"input.value": '{"question": "When?", "context": "x"}'}, "When?"),
    "completion prompts": ({"input.value": '{"prompts": ["When?"]}'}, "When?"),
    "another map": ({"input.value": '{"row": 7, "column": 2}'}, '{"row": 7, "column": 2}'),
    "no JSON": ({"input.value": '{"messages": [["user", "Wh'}, '{"messages": [["user", "Wh'),
    "Python's NaN": ({"input.value": '{"input": "When?", "score": NaN}'}, "When?"),
    "an escaped lone surrogate": ({"input.value": '{"input": "When \\ud800?"}'}, "When \ufffd?"),
    "an escaped NUL": ({"input.value": '{"input": "When\\u0000?"}'}, "When\ufffd?"),
    "nothing in it": ({"input.value": "{}"}, None),
    "only a system message": ({"input.value": '{"messages": [["system", "Be kind."]]}'}, None),
    "nested very deep": ({"input.value": "[" * 5000}, "[" * 5000),
    "a map, not a string": ({"input.value": value({"messages": [["user", "When?"]]})}, "When?"),
    "a number": ({"input.value": 7}, "7"),
    "flat attributes win": (
        {
            "input.value": "{",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "When?",
        },
        "When?",
    ),
    "flat, the last of the user": (
        {
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "A",
            "llm.input_messages.1.message.role": "assistant",
            "llm.input_messages.1.message.content": "B",
            "llm.input_messages.2.message.role": "user",
            "llm.input_messages.2.message.content": "C",
        },
        "C",
    ),
    "flat, the first ones dropped": (
        {"llm.input_messages.41.message.role": "user", "llm.input_messages.41.message.content": "When?"},
        "When?",
    ),
    "flat, in parts": (
        {
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "See",
            "llm.input_messages.0.message.contents.1.message_content.type": "image",
            "llm.input_messages.0.message.contents.2.message_content.type": "text",
            "llm.input_messages.0.message.contents.2.message_content.text": "When?",
        },
        "See\nWhen?",
    ),
    "Traceloop's older names": ({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "When?"}, "When?"),
    "Traceloop's parts": (
        {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": '[{"type": "text", "text": "When?"}]'},
        "When?",
    ),
    "Traceloop's workflow": ({"traceloop.entity.input": '{"inputs": {"messages": [["user", "When?"]]}}'}, "When?"),
    "Traceloop's decorator": ({"traceloop.entity.input": '{"args": ["When?"], "kwargs": {}}'}, "When?"),
    "OpenLIT's transcript": ({"gen_ai.prompt": "system: Be kind.\nuser: When?\nNow?\nassistant: x"}, "When?\nNow?"),
    "OpenLIT's prompt": ({"gen_ai.prompt": "When?"}, "When?"),
    "the conventions": (
        {"gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "When?"}]}]'},
        "When?",
    ),
    "the conventions, not as a string": (
        {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "When?"}]}]},
        "When?",
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_question(name: str) -> None:
    attributes, expected = QUESTIONS[name]
    assert _one("chat", attributes)[0] == expected


REPLIES: dict[str, tuple[dict[str, Any], str | None]] = {
    "a plain string": ({"output.value": "At nine."}, "At nine."),
    "a message": ({"output.value": '{"type": "ai", "data": {"content": "At nine."}}'}, "At nine."),
    "the last text of several": (
        {"output.value": '{"messages": [["user", "When?"], ["ai", "At nine."], {"role": "tool", "content": "x"}]}'},
        "At nine.",
    ),
    "not that of the question before": (
        {"output.value": '{"messages": [["user", "A"], ["ai", "B"], ["user", "C"]]}'},
        None,
    ),
    "a command": (
        {"output.value": '[{"update": {"messages": [{"type": "ai", "data": {"content": "At nine."}}]}}]'},
        "At nine.",
    ),
    "generations": ({"output.value": '{"generations": [[{"text": "At nine."}]], "llm_output": null}'}, "At nine."),
    "no generations": ({"output.value": '{"generations": [[]], "llm_output": null}'}, None),
    "OpenAI's choices": (
        {"output.value": '{"choices": [{"message": {"role": "assistant", "content": "At nine."}}]}'},
        "At nine.",
    ),
    "OpenAI's tool call": (
        {"output.value": '{"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": []}}]}'},
        None,
    ),
    "an agent's own role": ({"output.value": '[{"role": "billing_bot", "content": "At nine."}]'}, "At nine."),
    "a chain's answer": ({"output.value": '{"answer": "At nine.", "context": [1]}'}, "At nine."),
    "another map": ({"output.value": '{"row": 7}'}, '{"row": 7}'),
    "flat attributes": (
        {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "At nine."},
        "At nine.",
    ),
    "flat attributes without text": (
        {"llm.output_messages.0.message.role": "assistant", "output.value": '{"output": "x"}'},
        None,
    ),
    "Traceloop's older names": (
        {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "At nine."},
        "At nine.",
    ),
    "Traceloop's workflow": ({"traceloop.entity.output": '{"outputs": {"output": "At nine."}}'}, "At nine."),
    "OpenLIT's completion": ({"gen_ai.completion": "At nine."}, "At nine."),
    "the conventions, a streamed answer": (
        {"gen_ai.output.messages": '[{"role": "unknown", "parts": [{"type": "text", "content": "At nine."}]}]'},
        "At nine.",
    ),
    "the conventions, reasoning left out": (
        {
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."},'
            ' {"type": "text", "content": "At nine."}]}]'
        },
        "At nine.",
    ),
}


@pytest.mark.parametrize("name", REPLIES)
def test_reply(name: str) -> None:
    attributes, expected = REPLIES[name]
    assert _one("invoke_agent", attributes)[1] == expected


TOOLS: dict[str, tuple[dict[str, Any], tuple[str | None, str | None]]] = {
    "plain strings": ({"input.value": "a", "output.value": "b"}, ("a", "b")),
    "JSON as it is": ({"input.value": '{"a": 1}', "output.value": '{"b": [2]}'}, ('{"a": 1}', '{"b": [2]}')),
    "a tool's message": ({"output.value": '{"type": "tool", "data": {"content": "b"}}'}, (None, "b")),
    "a tool's message with parts": (
        {"output.value": '{"type": "tool", "data": {"content": [{"type": "text", "text": "b"}]}}'},
        (None, "b"),
    ),
    "a tool's message without text": (
        {"output.value": '{"type": "tool", "data": {"content": [{"type": "image", "url": "u"}]}}'},
        (None, '[{"type":"image","url":"u"}]'),
    ),
    "a command of a tool": (
        {"output.value": '{"update": {"messages": [{"type": "tool", "data": {"content": "b"}}]}, "goto": []}'},
        (None, "b"),
    ),
    "Traceloop's wrapper": (
        {
            "traceloop.entity.input": '{"input_str": "x", "inputs": {"q": 1}, "kwargs": {}}',
            "traceloop.entity.output": '{"output": "b", "kwargs": {}}',
        },
        ('{"q":1}', "b"),
    ),
    "Traceloop's string": ({"traceloop.entity.input": '{"input_str": "x", "inputs": null}'}, ("x", None)),
    "Traceloop's decorator": ({"traceloop.entity.input": '{"args": [], "kwargs": {"q": 1}}'}, ('{"q":1}', None)),
    "a tool with an argument `inputs`": (
        {"input.value": '{"inputs": 1, "kwargs": 2}'},
        ('{"inputs": 1, "kwargs": 2}', None),
    ),
    "OpenLIT": ({"gen_ai.tool.args": '{"q": 1}'}, ('{"q": 1}', None)),
    "the conventions, not as strings": (
        {"gen_ai.tool.call.arguments": {"q": 1}, "gen_ai.tool.call.result": [1.5, True, None, "b"]},
        ('{"q":1}', '[1.5,true,null,"b"]'),
    ),
    "bytes": ({"gen_ai.tool.call.result": b"\x00\xff"}, (None, "AP8=")),
    "empty": ({"gen_ai.tool.call.arguments": "", "gen_ai.tool.call.result": ""}, (None, None)),
}


@pytest.mark.parametrize("name", TOOLS)
def test_tool(name: str) -> None:
    attributes, expected = TOOLS[name]
    assert _one("execute_tool", attributes) == expected


def test_content_in_span_events() -> None:
    made = span("chat")
    for name, key, words in (("prompt", "gen_ai.prompt", "When?"), ("completion", "gen_ai.completion", "At nine.")):
        event = made.events.add(name=f"gen_ai.content.{name}")
        event.attributes.add(key=key, value=value(words))
    raw = made.SerializeToString() + field(9, field(1, b"\xff"))  # a key that is not UTF-8 is harmless
    (text,) = decode_traces(traces(raw), NOW_US).texts.values()
    assert (text.input, text.output) == ("When?", "At nine.")


def test_embedding_input_is_not_a_question() -> None:
    assert _one("embeddings", {"input.value": "hello", "embedding.embeddings.0.embedding.text": "hello"}) == (
        None,
        None,
    )


def _one(operation: str, attributes: dict[str, Any]) -> tuple[str | None, str | None]:
    batch = decode_traces(traces(span(operation, attributes=attributes)), NOW_US)
    assert batch.rejects == []
    assert len(batch.runs) + len(batch.model_calls) + len(batch.tool_calls) == 1
    texts = list(batch.texts.values())
    return (texts[0].input, texts[0].output) if texts else (None, None)


def _words(batch: Batch) -> list[Words]:
    """The words of each record that has some."""
    found: list[Words] = []
    for record in (*batch.runs, *batch.model_calls, *batch.tool_calls):
        text = batch.texts.get((record.start_time, record.trace_id, record.span_id))
        if text is not None:
            kind = "run" if record in batch.runs else getattr(record, "tool", "chat")
            found.append((kind, text.input, text.output, text.error_message))
    return found
