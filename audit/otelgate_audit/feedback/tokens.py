"""The token that a back end hands to its page (`otelgate.feedback_token`): a JWT, and its claims."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from otelgate import names

from .refusal import Refusal

MAX_BYTES: Final = 4096
MAX_CLAIM: Final = 512
"""Bytes; the store accepts no longer ids and names."""

_TRACE_ID: Final = re.compile("[0-9a-f]{32}")
_OPTIONAL: Final = ("sub", "sid", "svc", "env", "agent", "tier", "feature")


@dataclass(frozen=True)
class Claims:
    """The voter: the user, the session, and the application as the back end knew it."""

    trace_id: str
    sub: str | None = None
    sid: str | None = None
    svc: str | None = None
    env: str | None = None
    agent: str | None = None
    tier: str | None = None
    feature: str | None = None


def verify(token: str, secret: bytes) -> Claims:
    """The token's claims. Raises Refusal (401) if its signature, audience, time or form is wrong."""
    if not token:
        raise _refused("a signed token, in the header Authorization: Bearer or in the body")
    if len(token) > MAX_BYTES:
        raise _refused(f"at most {MAX_BYTES} characters")
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=names.FEEDBACK_AUDIENCE,
            options={"require": ["aud", "exp", "trace_id"]},
        )
    except jwt.ExpiredSignatureError:
        raise _refused("one that has not expired") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refused("one that the back end signed for this endpoint") from None
    return _claims(claims)


def _claims(claims: Mapping[str, Any]) -> Claims:
    trace_id = claims["trace_id"]
    if not isinstance(trace_id, str) or not _TRACE_ID.fullmatch(trace_id) or not trace_id.strip("0"):
        raise _refused("one whose trace_id is 32 hexadecimal digits")
    found = {name: claims[name] for name in _OPTIONAL if claims.get(name) not in (None, "")}
    for name, value in found.items():
        if not isinstance(value, str) or len(value.encode("utf-8", "surrogatepass")) > MAX_CLAIM:
            raise _refused(f"one whose {name} is a string of at most {MAX_CLAIM} bytes")
    return Claims(trace_id, **{name: value.encode("utf-8", "replace").decode() for name, value in found.items()})


def _refused(expected: str) -> Refusal:
    # Never the token itself: anyone who reads it in a log can vote with it.
    return Refusal(401, "token", None, expected, {"WWW-Authenticate": 'Bearer realm="otelgate-feedback"'})
