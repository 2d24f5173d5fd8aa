"""Finds the question, the reply, a tool's arguments and its result in whatever dialect a span speaks.

Flat attributes are looked at first: they need no parsing. JSON is parsed only where they are missing, and what can't be
understood is taken as it is. Sources: the semantic conventions for generative AI (`gen_ai.input.messages` and its
older forms), OpenInference's conventions, and the JSON that LangChain, Traceloop and OpenLIT write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from . import messages, wire
from .values import Attributes, as_json, attributes_of, clean, plain, text


class Tool(NamedTuple):
    """What a tool was called with, what it answered, and the id that the model gave the call."""

    arguments: str | None
    result: str | None
    call_id: str | None


class _Flat(NamedTuple):
    """Messages as one attribute for each field: PREFIX.0.ROLE, PREFIX.0.CONTENT, …"""

    prefix: bytes
    role: bytes
    content: bytes
    parts: bytes
    """Between them, the number of a part: PREFIX.0.PARTS.0.message_content.text"""


_FLAT_INPUT: Final = (
    _Flat(b"llm.input_messages.", b".message.role", b".message.content", b".message.contents."),
    _Flat(b"gen_ai.prompt.", b".role", b".content", b".contents."),
)
_FLAT_OUTPUT: Final = (
    _Flat(b"llm.output_messages.", b".message.role", b".message.content", b".message.contents."),
    _Flat(b"gen_ai.completion.", b".role", b".content", b".contents."),
)
_PART_TEXT: Final = b".message_content.text"

_QUESTIONS: Final = (
    b"input.value",
    b"traceloop.entity.input",
    b"gen_ai.task.input",
    b"gen_ai.prompt",
    b"gen_ai.content.prompt",
)
_REPLIES: Final = (
    b"output.value",
    b"traceloop.entity.output",
    b"gen_ai.task.output",
    b"gen_ai.completion",
    b"gen_ai.content.completion",
)
_ARGUMENTS: Final = (
    b"gen_ai.tool.call.arguments",
    b"input.value",
    b"traceloop.entity.input",
    b"gen_ai.tool.args",
    b"gen_ai.tool.input",
    b"tool_call.function.arguments",
)
_RESULTS: Final = (
    b"gen_ai.tool.call.result",
    b"output.value",
    b"traceloop.entity.output",
    b"gen_ai.tool.output",
)
_EVENTS: Final = {b"gen_ai.content.prompt", b"gen_ai.content.completion"}
"""Older OpenLIT and Traceloop: a span event with the attribute `gen_ai.prompt` or `gen_ai.completion`."""

_TRANSCRIPT: Final = re.compile(r"^(system|user|human|assistant|ai|tool|developer): ", re.MULTILINE)


def question(attributes: Attributes) -> str | None:
    """The last user message that a run or a model call was given."""
    conventional = attributes.get(b"gen_ai.input.messages")
    if conventional is not None:
        return _asked(conventional, b"gen_ai.input.messages")
    for flat in _FLAT_INPUT:
        numbers = _numbers(attributes, flat)
        if numbers:
            return _flat_text(attributes, flat, reversed(numbers), messages.USER)
    for key in _QUESTIONS:
        found = attributes.get(key)
        if found is not None:
            return _asked(found, key)
    return None


def reply(attributes: Attributes) -> str | None:
    """The assistant's last text in what came out of a run or a model call."""
    conventional = attributes.get(b"gen_ai.output.messages")
    if conventional is not None:
        return _answered(conventional, b"gen_ai.output.messages")
    for flat in _FLAT_OUTPUT:
        numbers = _numbers(attributes, flat)
        if numbers:
            return _flat_text(attributes, flat, reversed(numbers), messages.ASSISTANT)
    for key in _REPLIES:
        found = attributes.get(key)
        if found is not None:
            return _answered(found, key)
    return None


def tool(attributes: Attributes) -> Tool:
    """What a tool call was given and gave."""
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
    """The attributes, and those of the span events that older instrumentations put the content into."""
    merged = attributes
    for raw in events:
        if b"gen_ai.content." not in raw:
            continue
        try:
            event = wire.Event.FromString(raw)
        except wire.DecodeError:
            continue  # the record does not depend on it
        if event.name in _EVENTS:
            merged = attributes_of(event) | merged
    return merged


def _asked(attribute: Any, key: bytes) -> str | None:
    written = _written(attribute, key)
    document = messages.parsed(written)
    if document is None:
        return clean(_last_said(written, messages.USER)) or None
    return messages.asked(document, written)


def _answered(attribute: Any, key: bytes) -> str | None:
    written = _written(attribute, key)
    document = messages.parsed(written)
    if document is None:
        return clean(written) or None
    return messages.answered(document, written)


def _written(attribute: Any, key: bytes) -> str:
    """An attribute's value as a string, JSON where it is a list or a map."""
    raw = attribute.value.string_value
    if raw:
        return text(raw)
    value = plain(attribute.value, key)
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


def _numbers(attributes: Attributes, flat: _Flat) -> list[int]:
    """The numbers of the messages that are there, rising."""
    prefix, role = flat.prefix, flat.role
    if b"%b0%b" % (prefix, role) in attributes:
        count = 1
        while b"%b%d%b" % (prefix, count, role) in attributes:
            count += 1
        return list(range(count))
    # An SDK that has reached its limit of attributes drops the oldest: the first messages are gone.
    start = len(prefix)
    digits = {key[start : key.find(b".", start)] for key in attributes if key.startswith(prefix)}
    return sorted(int(each) for each in digits if each.isdigit() and len(each) < 10)


def _flat_text(attributes: Attributes, flat: _Flat, numbers: Iterable[int], wanted: str) -> str | None:
    for number in numbers:
        start = b"%b%d" % (flat.prefix, number)
        role = attributes.get(start + flat.role)
        # What a model puts out is the assistant's, whatever an instrumentation calls it.
        if role is None or not role.value.string_value:
            said = messages.ASSISTANT
        else:
            said = messages.role(text(role.value.string_value), messages.ASSISTANT)
        if said != wanted:
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


def _parts(attributes: Attributes, start: bytes) -> str | None:
    found = []
    number = 0
    while True:
        part = b"%b%d" % (start, number)
        words = attributes.get(part + _PART_TEXT)
        if words is not None:
            found.append(_written(words, part))
        elif part + b".message_content.type" not in attributes:
            break
        number += 1
    return "\n".join(found) or None


def _last_said(written: str, wanted: str) -> str:
    """OpenLIT writes a conversation as lines `user: …`, `assistant: …`; anything else is the text itself."""
    starts = list(_TRANSCRIPT.finditer(written))
    if not starts or starts[0].start() != 0:
        return written
    ends = [each.start() for each in starts[1:]] + [len(written)]
    for start, end in zip(reversed(starts), reversed(ends), strict=True):
        if messages.role(start[1], "") == wanted:
            return written[start.end() : end].strip()
    return ""
