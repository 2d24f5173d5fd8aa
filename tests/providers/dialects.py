"""Requests and responses of OpenAI's, Anthropic's and Google's APIs, whole and streamed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

WORDS = ("All ", "is ", "well.")
ARGUMENTS = {"city": "Rome"}


@dataclass(frozen=True)
class Usage:
    """Tokens of one call; each is counted in one field only, but `reasoning`, which is part of `output`."""

    fresh: int
    read: int
    write: int
    write_1h: int
    output: int
    reasoning: int

    @property
    def input(self) -> int:
        return self.fresh + self.read + self.write + self.write_1h


@dataclass(frozen=True)
class Answer:
    number: int
    model: str
    tool: str | None
    """The tool to call instead of an answer in words."""
    usage: Usage


@dataclass(frozen=True)
class Asked:
    """A request, and how its API answers."""

    api: str
    model: str
    streamed: bool
    tool: str | None
    whole: Callable[[Answer], dict[str, Any]]
    stream: Callable[[Answer], Iterator[bytes]]
    caches_writes: bool = False
    reasons: bool = True


def read(path: str, body: dict[str, Any]) -> Asked | None:
    """None for a path that is none of these APIs'."""
    path = path.partition("?")[0]
    streamed = bool(body.get("stream"))
    if path == "/v1/chat/completions":
        answered = body["messages"][-1]["role"] == "tool"
        tool = _tool(answered, [each["function"]["name"] for each in body.get("tools", ())])
        return Asked("chat", body["model"], streamed, tool, _chat, _chat_stream)
    if path == "/v1/responses":
        items = body["input"] if isinstance(body["input"], list) else []
        answered = any(item.get("type") == "function_call_output" for item in items)
        tool = _tool(answered, [each["name"] for each in body.get("tools", ())])
        return Asked("responses", body["model"], streamed, tool, _responses, _responses_stream)
    if path == "/v1/messages":
        answered = "tool_result" in json.dumps(body["messages"][-1])
        tool = _tool(answered, [each["name"] for each in body.get("tools", ())])
        make = (_message, _message_stream)
        return Asked("messages", body["model"], streamed, tool, *make, caches_writes=True, reasons=False)
    if found := re.fullmatch(r"/v1(?:beta)?/models/([^:]+):(generateContent|streamGenerateContent)", path):
        answered = "functionResponse" in json.dumps(body["contents"][-1])
        declared = [each["name"] for tools in body.get("tools", ()) for each in tools.get("functionDeclarations", ())]
        streamed = found[2] == "streamGenerateContent"
        return Asked("gemini", found[1], streamed, _tool(answered, declared), _gemini, _gemini_stream)
    return None


def _tool(answered: bool, names: list[str]) -> str | None:
    return names[0] if names and not answered else None


def _event(data: dict[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


# OpenAI, Chat Completions.
def _chat_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }


def _chat_head(answer: Answer, kind: str) -> dict[str, Any]:
    head = {"id": f"chatcmpl-{answer.number}", "object": kind, "created": 1_700_000_000, "model": answer.model}
    return {**head, "service_tier": "default"}


def _chat_tool(answer: Answer) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": json.dumps(ARGUMENTS)}
    return {"id": f"call_{answer.number}", "type": "function", "function": function}


def _chat(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if answer.tool else "".join(WORDS)}
    if answer.tool:
        message["tool_calls"] = [_chat_tool(answer)]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if answer.tool else "stop"}
    return {**_chat_head(answer, "chat.completion"), "choices": [choice], "usage": _chat_usage(answer.usage)}


def _chat_stream(answer: Answer) -> Iterator[bytes]:
    head = _chat_head(answer, "chat.completion.chunk")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if answer.tool:
        deltas.append({"tool_calls": [{"index": 0, **_chat_tool(answer)}]})
    else:
        deltas += [{"content": word} for word in WORDS]
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reason = "tool_calls" if answer.tool else "stop"
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    yield _event({**head, "choices": [], "usage": _chat_usage(answer.usage)})
    yield b"data: [DONE]\n\n"


# OpenAI, Responses.
def _response_item(answer: Answer) -> dict[str, Any]:
    if answer.tool:
        call = {"name": answer.tool, "arguments": json.dumps(ARGUMENTS), "call_id": f"call_{answer.number}"}
        return {"type": "function_call", "id": f"fc_{answer.number}", "status": "completed", **call}
    text = {"type": "output_text", "text": "".join(WORDS), "annotations": [], "logprobs": []}
    message = {"type": "message", "id": f"msg_{answer.number}", "status": "completed", "role": "assistant"}
    return {**message, "content": [text]}


def _response_head(answer: Answer) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.number}", "object": "response", "created_at": 1_700_000_000, "status": "in_progress",
        "model": answer.model, "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "service_tier": "default", "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
    }  # fmt: skip


def _responses(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    counted = {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.read, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
    return {**_response_head(answer), "status": "completed", "output": [_response_item(answer)], "usage": counted}


def _responses_stream(answer: Answer) -> Iterator[bytes]:
    item = _response_item(answer)
    begun = {**item, "status": "in_progress", **({"arguments": ""} if answer.tool else {"content": []})}
    where = {"item_id": item["id"], "output_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response_head(answer)},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
    ]
    if answer.tool:
        arguments = {"arguments": item["arguments"], "name": answer.tool}
        events.append({"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]})
        events.append({"type": "response.function_call_arguments.done", **where, **arguments})
    else:
        (part,) = item["content"]
        text = {**where, "content_index": 0, "logprobs": []}
        events.append({"type": "response.content_part.added", **text, "part": {**part, "text": ""}})
        events += [{"type": "response.output_text.delta", **text, "delta": word} for word in WORDS]
        events.append({"type": "response.output_text.done", **text, "text": part["text"]})
        events.append({"type": "response.content_part.done", **text, "part": part})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": _responses(answer)})
    for number, event in enumerate(events):
        yield _event({**event, "sequence_number": number}, event["type"])


# Anthropic.
def _message_block(answer: Answer) -> dict[str, Any]:
    if answer.tool:
        return {"type": "tool_use", "id": f"toolu_{answer.number}", "name": answer.tool, "input": ARGUMENTS}
    return {"type": "text", "text": "".join(WORDS)}


def _message(answer: Answer) -> dict[str, Any]:
    u = answer.usage
    usage = {
        "input_tokens": u.fresh,
        "cache_read_input_tokens": u.read,
        "cache_creation_input_tokens": u.write + u.write_1h,
        "cache_creation": {"ephemeral_5m_input_tokens": u.write, "ephemeral_1h_input_tokens": u.write_1h},
        "output_tokens": u.output,
        "service_tier": "standard",
    }
    head = {"id": f"msg_{answer.number}", "type": "message", "role": "assistant", "model": answer.model}
    reason = "tool_use" if answer.tool else "end_turn"
    return {**head, "content": [_message_block(answer)], "stop_reason": reason, "stop_sequence": None, "usage": usage}


def _message_stream(answer: Answer) -> Iterator[bytes]:
    whole, block = _message(answer), _message_block(answer)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    if answer.tool:
        empty = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(ARGUMENTS)}]
    else:
        empty = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": word} for word in WORDS]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
            "usage": {key: count for key, count in whole["usage"].items() if key.endswith("_tokens")},
        },
        {"type": "message_stop"},
    ]
    for event in events:
        yield _event(event, event["type"])


# Google.
def _gemini_chunk(answer: Answer, part: dict[str, Any], output: int, *, last: bool) -> dict[str, Any]:
    u = answer.usage
    usage = {"promptTokenCount": u.input, "candidatesTokenCount": output - u.reasoning}
    usage["totalTokenCount"] = u.input + output
    if u.read:
        usage["cachedContentTokenCount"] = u.read
    if u.reasoning:
        usage["thoughtsTokenCount"] = u.reasoning
    candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    head = {"modelVersion": answer.model, "responseId": f"r{answer.number}"}
    return {"candidates": [candidate], "usageMetadata": usage, **head}


def _gemini_parts(answer: Answer) -> list[dict[str, Any]]:
    if answer.tool:
        return [{"functionCall": {"name": answer.tool, "args": ARGUMENTS}}]
    return [{"text": word} for word in WORDS]


def _gemini(answer: Answer) -> dict[str, Any]:
    part = _gemini_parts(answer)[0] if answer.tool else {"text": "".join(WORDS)}
    return _gemini_chunk(answer, part, answer.usage.output, last=True)


def _gemini_stream(answer: Answer) -> Iterator[bytes]:
    parts = _gemini_parts(answer)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        output = answer.usage.output if last else answer.usage.reasoning + number + 1
        yield _event(_gemini_chunk(answer, part, output, last=last))
