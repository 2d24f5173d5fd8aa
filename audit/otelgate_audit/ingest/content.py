"""Finds the question, the reply, a tool's arguments and its result in any supported dialect of a span.

Flat attributes come first: they need no parsing. JSON is parsed only if they are missing, and unknown content is stored
unchanged. Sources: the semantic conventions for generative AI (`gen_ai.input.messages` and its
older forms), OpenInference's conventions, and the JSON that LangChain, Traceloop and OpenLIT write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from otelgate.names import GEN_AI_TOOL_CALL_ARGUMENTS, GEN_AI_TOOL_CALL_RESULT

from . import messages, wire
from .values import Attributes, as_json, clean, plain, text


class Tool(NamedTuple):
    """A tool call's arguments, its result, and the id that the model gave the call."""

    arguments: str | None
    result: str | None
    call_id: str | None


class _Side(NamedTuple):
    """The attributes with the content of one side: a model's input or its output."""

    conventional: str
    flat: tuple[_Flat, ...]
    plain: tuple[str, ...]
    role: str
    read: Callable[[Any, str], str | None]
    """Extracts the content from a value that is not a flat attribute; also gets the attribute's name."""


class _Flat(NamedTuple):
    """Messages as one attribute for each field: PREFIX.0.ROLE, PREFIX.0.CONTENT, …"""

    prefix: str
    role: str
    content: str
    parts: str
    """For content with several parts: PREFIX.0.PARTS.0.message_content.text"""
    first: str
    """Indicates such messages."""


_FLAT_INPUT: Final = (
    _Flat(
        "llm.input_messages.",
        ".message.role",
        ".message.content",
        ".message.contents.",
        "llm.input_messages.0.message.role",
    ),
    _Flat("gen_ai.prompt.", ".role", ".content", ".contents.", "gen_ai.prompt.0.role"),
)
_FLAT_OUTPUT: Final = (
    _Flat(
        "llm.output_messages.",
        ".message.role",
        ".message.content",
        ".message.contents.",
        "llm.output_messages.0.message.role",
    ),
    _Flat("gen_ai.completion.", ".role", ".content", ".contents.", "gen_ai.completion.0.role"),
)
_PART_TEXT: Final = ".message_content.text"

_QUESTIONS: Final = (
    "input.value",
    "traceloop.entity.input",
    "gen_ai.task.input",
    "gen_ai.prompt",
    "gen_ai.content.prompt",
)
_REPLIES: Final = (
    "output.value",
    "traceloop.entity.output",
    "gen_ai.task.output",
    "gen_ai.completion",
    "gen_ai.content.completion",
)
_ARGUMENTS: Final = (
    GEN_AI_TOOL_CALL_ARGUMENTS,
    "input.value",
    "traceloop.entity.input",
    "gen_ai.tool.args",
    "gen_ai.tool.input",
    "tool_call.function.arguments",
)
_RESULTS: Final = (
    GEN_AI_TOOL_CALL_RESULT,
    "output.value",
    "traceloop.entity.output",
    "gen_ai.tool.output",
)
_EVENTS: Final = (b"gen_ai.content.prompt", b"gen_ai.content.completion")
"""Older OpenLIT and Traceloop: a span event with the attribute `gen_ai.prompt` or `gen_ai.completion`."""

_TRANSCRIPT: Final = re.compile(r"^(system|user|human|assistant|ai|tool|developer): ", re.MULTILINE)


def question(attributes: Attributes) -> str | None:
    """The last user message in the input of a run or a model call."""
    return _last_text(attributes, _GIVEN)


def reply(attributes: Attributes) -> str | None:
    """The assistant's last text in the output of a run or a model call."""
    return _last_text(attributes, _CAME_OUT)


def _last_text(attributes: Attributes, side: _Side) -> str | None:
    conventional = attributes.get(side.conventional)
    if conventional is not None:
        return side.read(conventional, side.conventional)
    for flat in side.flat:
        if flat.first in attributes:
            return _flat_text(attributes, flat, _numbers(attributes, flat), side.role)
    for key in side.plain:
        if key in attributes:
            return side.read(attributes[key], key)
    for flat in side.flat:
        found = _flat_text(attributes, flat, _remaining_numbers(attributes, flat), side.role)
        if found:
            return found
    return None


def tool(attributes: Attributes) -> Tool:
    """A tool call's arguments and result."""
    arguments, result, call_id = None, None, None
    for key in _ARGUMENTS:
        found = attributes.get(key)
        if found is not None:
            arguments = messages.arguments(_written(found, key))
            break
    for key in _RESULTS:
        found = attributes.get(key)
        if found is not None:
            result, call_id = messages.result(_written(found, key))
            break
    return Tool(arguments, result, call_id)


def with_events(attributes: Attributes, events: Iterable[bytes]) -> Attributes:
    """The attributes, and those of the span events in which older instrumentations put the content."""
    merged = attributes
    for raw in events:
        if b"gen_ai.content." not in raw:
            continue
        try:
            event = wire.Event.FromString(raw)
        except wire.DecodeError:
            continue  # the record does not depend on it
        if event.name in _EVENTS:
            merged = _readable(event.attributes) | _readable(merged)
    return merged


def _readable(attributes: Attributes) -> dict[str, Any]:
    """As a dictionary; protobuf gives a key that is not UTF-8 as bytes, and can't look it up."""
    return {key: attributes[key] for key in attributes if isinstance(key, str)}


def _asked(value: Any, key: str) -> str | None:
    written = _written(value, key)
    document = messages.parsed(written)
    if document is None:
        return clean(_last_in_transcript(written, messages.USER)) or None
    return messages.asked(document, written)


def _answered(value: Any, key: str) -> str | None:
    written = _written(value, key)
    document = messages.parsed(written)
    if document is None:
        return clean(written) or None
    return messages.answered(document, written)


_GIVEN: Final = _Side("gen_ai.input.messages", _FLAT_INPUT, _QUESTIONS, messages.USER, _asked)
_CAME_OUT: Final = _Side("gen_ai.output.messages", _FLAT_OUTPUT, _REPLIES, messages.ASSISTANT, _answered)


def _written(value: Any, key: str) -> str:
    """An attribute's value as a string, JSON for a list or a map."""
    raw = value.string_value
    if raw:
        return text(raw)
    value = plain(value, key)
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


def _numbers(attributes: Attributes, flat: _Flat) -> Iterable[int]:
    """The numbers of the messages, descending, if the first one is present."""
    prefix, role = flat.prefix, flat.role
    count = 1
    while f"{prefix}{count}{role}" in attributes:
        count += 1
    return range(count - 1, -1, -1)


def _remaining_numbers(attributes: Attributes, flat: _Flat) -> Iterable[int]:
    """As _numbers, if the first is missing: an SDK at its limit of attributes drops the oldest."""
    keys = (key for key in attributes if isinstance(key, str) and key.startswith(flat.prefix))
    digits = {key.removeprefix(flat.prefix).partition(".")[0] for key in keys}
    return sorted((int(each) for each in digits if each.isdecimal() and len(each) < 10), reverse=True)


def _flat_text(attributes: Attributes, flat: _Flat, numbers: Iterable[int], wanted: str) -> str | None:
    for number in numbers:
        start = f"{flat.prefix}{number}"
        role = attributes.get(start + flat.role)
        # A model's output has the role assistant, regardless of the instrumentation's word.
        word = messages.ASSISTANT if role is None else messages.role(text(role.string_value), messages.ASSISTANT)
        if word != wanted:
            continue
        content = attributes.get(start + flat.content)
        if content is not None:
            found = _content(_written(content, start + flat.content))
        else:
            found = _parts(attributes, start + flat.parts)
        if found:
            return found
    return None


def _content(written: str) -> str | None:
    """A message's text; Traceloop writes a list of parts as JSON."""
    document = messages.parsed(written) if written.startswith("[{") else None
    return clean(written) if document is None else messages.text_of(document) or None


def _parts(attributes: Attributes, start: str) -> str | None:
    found = []
    number = 0
    while True:
        part = f"{start}{number}"
        words = attributes.get(part + _PART_TEXT)
        if words is not None:
            found.append(_written(words, part))
        elif part + ".message_content.type" not in attributes:
            break
        number += 1
    return "\n".join(found) or None


def _last_in_transcript(written: str, wanted: str) -> str:
    """OpenLIT writes a turn as lines `user: …`, `assistant: …`; anything else is the text itself."""
    starts = list(_TRANSCRIPT.finditer(written))
    if not starts or starts[0].start() != 0:
        return written
    ends = [each.start() for each in starts[1:]] + [len(written)]
    for start, end in zip(reversed(starts), reversed(ends), strict=True):
        if messages.role(start[1], "") == wanted:
            return written[start.end() : end].strip()
    return ""
