"""Parses chat messages in JSON, in the shapes that frameworks write.

Known shapes: the conventions' `[{"role", "parts"}]`, OpenAI's `{"role", "content"}`, LangChain's pairs
`["user", "…"]`, its messages `{"type": "human", "data": {"content"}}` and `{"lc": 1, "kwargs": {"content"}}`, its model
results `{"generations": [[…]]}`, and LangGraph's commands `[{"update": {"messages": […]}}]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from .values import clean

USER: Final = "user"
ASSISTANT: Final = "assistant"
TOOL: Final = "tool"

_ROLES: Final = {
    "user": USER,
    "human": USER,
    "humanmessage": USER,
    "humanmessagechunk": USER,
    "assistant": ASSISTANT,
    "ai": ASSISTANT,
    "aimessage": ASSISTANT,
    "aimessagechunk": ASSISTANT,
    "model": ASSISTANT,
    "unknown": ASSISTANT,  # Traceloop's word for a streamed answer
    "system": "system",
    "systemmessage": "system",
    "developer": "system",
    "tool": TOOL,
    "toolmessage": TOOL,
    "toolmessagechunk": TOOL,
    "function": TOOL,
    "functionmessage": TOOL,
}
_TEXT_TYPES: Final = (None, "text", "input_text", "output_text")
_WRAPPERS: Final = ("messages", "inputs", "outputs", "update", "generations", "choices", "message", "output", "input")
_NESTING_KEYS: Final = ("inputs", "outputs", "args", "messages", "generations", "choices")
_QUESTION_KEYS: Final = (
    *_NESTING_KEYS,
    *("input", "question", "query", "prompt", "prompts", "text", "content", "message", "user_input"),
)
_REPLY_KEYS: Final = (
    *_NESTING_KEYS,
    *("output", "answer", "reply", "response", "result", "text", "content", "message", "output_text"),
)
_MAX_DEPTH: Final = 8


def parsed(written: str) -> Any:
    """The list or map that a string holds as JSON, or None."""
    if written[:1] not in ("[", "{") and written[:64].lstrip()[:1] not in ("[", "{"):
        return None
    try:
        found = orjson.loads(written)
    except orjson.JSONDecodeError:
        try:
            found = json.loads(written)  # Python writes NaN, and escapes lone surrogates
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, list | dict) else None


def role(word: object, otherwise: str) -> str:
    """`user`, `assistant`, `tool` or `system` for a framework's word; `otherwise` for any other word."""
    return _ROLES.get(word.lower(), otherwise) if isinstance(word, str) else otherwise


def asked(document: Any, written: str) -> str | None:
    """The last user message in a document; the unchanged document if its shape is unknown."""
    return _last(document, written, USER, _QUESTION_KEYS)


def answered(document: Any, written: str) -> str | None:
    """The assistant's last text in a document; the unchanged document if its shape is unknown."""
    return _last(document, written, ASSISTANT, _REPLY_KEYS)


def arguments(written: str) -> str | None:
    """A tool's arguments; Traceloop wraps them together with tags and metadata."""
    if '"input_str"' not in written and '"kwargs"' not in written:
        return clean(written) or None
    document = parsed(written)
    if isinstance(document, dict):
        if isinstance(document.get("input_str"), str):
            return _dumped(document.get("inputs") or document["input_str"], written)
        if set(document) == {"args", "kwargs"}:
            return _dumped(document["kwargs"] or document["args"], written)
    return clean(written)


def result(written: str) -> tuple[str | None, str | None]:
    """A tool's result, and the id of its call if the result is a LangChain message."""
    document = parsed(written)
    if isinstance(document, dict) and "output" in document and set(document) <= {"output", "kwargs"}:
        document = document["output"]  # Traceloop's wrapper
        if isinstance(document, str):
            return clean(document) or None, None
    for said in _messages(document, 0):
        if said.role == TOOL:
            words = text_of(said.content) or _dumped(said.content, "")
            call_id = said.fields.get("tool_call_id")
            return words, clean(call_id) if isinstance(call_id, str) and call_id else None
    return clean(written) or None, None


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return clean(content)
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return ""
    found = []
    for part in content:
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict) and part.get("type") in _TEXT_TYPES:
            words = part.get("text", part.get("content"))
            if isinstance(words, str):
                found.append(words)
    return clean("\n".join(each for each in found if each))


class _Said(NamedTuple):
    role: str
    content: Any
    fields: dict[str, Any]


def _last(document: Any, written: str, wanted: str, keys: tuple[str, ...]) -> str | None:
    any_message = False
    for said in _messages(document, 0):
        any_message = True
        words = text_of(said.content) if said.role in (wanted, USER) else ""
        if words:
            # A text of the assistant before the last question does not answer it.
            return words if said.role == wanted else None
    return None if any_message else _plain(document, written, keys)


def _messages(document: Any, depth: int) -> Iterator[_Said]:
    """The messages in a document, the last one first; empty if it has none."""
    if depth == _MAX_DEPTH:
        return
    if isinstance(document, list):
        if len(document) == 2 and isinstance(document[0], str) and isinstance(document[1], str):
            if role(document[0], ""):
                yield _Said(role(document[0], ""), document[1], {})
            return
        for each in reversed(document):
            yield from _messages(each, depth + 1)
    elif isinstance(document, dict):
        message = _message(document)
        if message is not None:
            yield message
            return
        for key in _WRAPPERS:
            inner = document.get(key)
            if isinstance(inner, list | dict):
                any_message = False
                for message in _messages(inner, depth + 1):
                    any_message = True
                    yield message
                if any_message:
                    return


def _message(document: dict[str, Any]) -> _Said | None:
    """A map as a message, if it is one."""
    fields = document
    for wrapper in ("data", "kwargs"):  # LangChain's two serialisations
        inner = document.get(wrapper)
        if isinstance(inner, dict) and "content" in inner:
            fields = inner
    if "parts" not in fields and "content" not in fields:
        return None
    content = fields.get("parts", fields.get("content"))
    for word in (fields.get("role"), fields.get("type"), document.get("type")):
        known = role(word, "")
        if known:
            return _Said(known, content, fields)
    path = document.get("id")  # ["langchain", "schema", "messages", "HumanMessage"]
    known = role(path[-1], "") if isinstance(path, list) and path else ""
    if not known and isinstance(fields.get("role"), str):
        known = ASSISTANT  # an application's own name for its agent
    return _Said(known, content, fields) if known else None


def _plain(document: Any, written: str, keys: tuple[str, ...]) -> str | None:
    """A document without messages: the text under a known key, or else all of it."""
    for _ in range(_MAX_DEPTH):
        if isinstance(document, dict):
            known = next((key for key in keys if document.get(key)), None)
            if known is None:
                break
            document = document[known]
        elif isinstance(document, list) and len(document) == 1:
            document = document[0]
        else:
            break
    if isinstance(document, str):
        return clean(document) or None
    return clean(written) if document else None


def _dumped(value: Any, otherwise: str) -> str | None:
    if isinstance(value, str):
        return clean(value) or None
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a whole number beyond 64 bits, a lone surrogate, or nested too deeply
        return clean(otherwise) or None
