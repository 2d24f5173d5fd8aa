"""Reads a page's request within bounds, and checks it field by field."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import ClientDisconnect, Request

from ..model.ratings import POINTS, WORDS
from .refusal import Refusal

MAX_BYTES: Final = 16 * 1024
MAX_COMMENT: Final = 4000
"""Characters."""
READ_S: Final = 10.0

_FIELDS: Final = ("trace_id", "rating", "comment", "token")
_TRACE_ID: Final = re.compile("[0-9a-fA-F]{32}")


class Rating(NamedTuple):
    """`word`: positive, negative or None (3 of 5); `points` 1 to 5, or None for a thumb."""

    word: str | None
    points: int | None


class Body(NamedTuple):
    """One vote as the page sent it. An empty comment counts as no comment."""

    trace_id: str | None
    rating: Rating
    comment: str | None


async def read(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises Refusal: 400, 408, 413, 415."""
    kind = request.headers.get("content-type", "")
    # A page of any origin can send a form or plain text without a preflight request; for JSON its browser sends one.
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "Content-Type", kind, "application/json")
    try:
        async with asyncio.timeout(READ_S):
            raw = await _bytes(request)
    except TimeoutError:
        raise Refusal(408, "body", None, f"all of it within {READ_S:g} s") from None
    except ClientDisconnect:
        raise Refusal(400, "body", None, "all of it") from None
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(400, "body", None, f"a JSON object with {', '.join(_FIELDS)}")
    return found


def check(found: dict[str, Any]) -> Body:
    """Raises Refusal (400) for the first wrong field."""
    for field in found:
        if field not in _FIELDS:
            raise Refusal(400, field[:60], None, f"no other fields than {', '.join(_FIELDS)}")
    if "rating" not in found:
        raise Refusal(400, "rating", None, _EXPECTED_RATING)
    return Body(_trace_id(found.get("trace_id")), rating(found["rating"]), _comment(found.get("comment")))


def token(found: dict[str, Any]) -> str:
    """The token in the body, "" if there is none. Raises Refusal (400)."""
    written = found.get("token")
    if written is not None and not isinstance(written, str):
        raise Refusal(400, "token", None, "a string")
    return written or ""


_EXPECTED_RATING: Final = f"one of {', '.join(WORDS)}, true, false, or an integer from 1 to 5"


def rating(value: object) -> Rating:
    """The rating as `otelgate.feedback` accepts it. Raises Refusal (400)."""
    if isinstance(value, bool):
        return Rating(WORDS["up" if value else "down"], None)
    if isinstance(value, str) and value.lower() in WORDS:
        return Rating(WORDS[value.lower()], None)
    if isinstance(value, int) and value in POINTS:
        return Rating(POINTS[value], value)
    raise Refusal(400, "rating", value, _EXPECTED_RATING)


async def _bytes(request: Request) -> bytes:
    """The body, with never more than the limit in memory."""
    too_large = Refusal(413, "body", None, f"at most {MAX_BYTES} bytes")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise too_large
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BYTES:
            raise too_large
    return raw


def _trace_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _TRACE_ID.fullmatch(value) or not value.strip("0"):
        raise Refusal(400, "trace_id", value, "32 hexadecimal digits, not all of them 0")
    return value.lower()


def _comment(value: object) -> str | None:
    # Message content: the answer describes the error and doesn't quote the comment.
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal(400, "comment", None, "a string")
    if len(value) > MAX_COMMENT:
        raise Refusal(400, "comment", None, f"at most {MAX_COMMENT} characters, not {len(value)}")
    return value.strip() or None
