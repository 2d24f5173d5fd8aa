"""`feedback_token`: a back end gives it to its page, so that users can rate their own turns only."""

from __future__ import annotations

import base64
import hmac
import json
import math
import os
import re
import time
from numbers import Real
from typing import Any, cast

from opentelemetry import baggage, trace

from . import _guard, _settings, names
from ._context import current_trace_id

_SERVICE = "service.name"
_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment")
_ENV_SERVICE = "OTEL_SERVICE_NAME"
_OUTCOME = "there is no token"
_NONE = cast("str | None", None)
_TRACE_ID = re.compile("[0-9a-fA-F]{32}")
# claim -> the baggage entry that `session` and `agent` set
_CLAIMS = {
    "sub": names.USER_ID,
    "sid": names.SESSION_ID,
    "agent": names.GEN_AI_AGENT_NAME,
    "tier": names.OTELGATE_TIER,
    "feature": names.OTELGATE_FEATURE,
}


@_guard.never_raises(_NONE)
def feedback_token(trace_id: str | None = None, expires_s: float = 86400) -> str | None:
    """A signed token with which a web page may rate one answer at the gateway's `POST /v1/feedback`.

    A JWT (HS256). It names the trace, and the current session, user, tier, feature, agent and service: the vote is
    theirs. The page can read it, so use opaque ids only.

    Source: https://www.rfc-editor.org/rfc/rfc7519

    Args:
        trace_id: the trace of the answer, 32 hexadecimal digits; see `current_trace_id`. Without it, the current one.
        expires_s: how long it is good, in seconds; a day if not said.

    Returns:
        The token; None, with a line in the log the first time, where there is no trace, no secret (the file that
        `OTELGATE_FEEDBACK_SECRET_FILE` names, or `OTELGATE_FEEDBACK_SECRET`), or a bad argument. Never raises.
    """
    found = current_trace_id() if trace_id is None else trace_id
    if not isinstance(found, str) or not _TRACE_ID.fullmatch(found) or int(found, 16) == 0:
        expected = "32 hexadecimal digits, not all of them 0, or None inside of a trace"
        _guard.report_argument("feedback_token", "trace_id", found, expected, _OUTCOME)
        return None
    if isinstance(expires_s, bool) or not isinstance(expires_s, Real) or not 0 < float(expires_s) < 10**10:
        _guard.report_argument("feedback_token", "expires_s", expires_s, "seconds, more than 0", _OUTCOME)
        return None
    try:
        secret = _settings.feedback_secret()
    except _settings.SettingError as error:
        _guard.report_setting("feedback_token", str(error), _OUTCOME)
        return None
    expires = math.ceil(time.time() + float(expires_s))
    claims = {"aud": names.FEEDBACK_AUDIENCE, "trace_id": found.lower(), "exp": expires, **_who()}
    return _signed(claims, secret)


def _who() -> dict[str, str]:
    """Whose vote it will be, as far as it is known here."""
    resource: Any = getattr(getattr(trace.get_tracer_provider(), "resource", None), "attributes", {})
    found: dict[str, Any] = {claim: baggage.get_baggage(entry) for claim, entry in _CLAIMS.items()}
    found["svc"] = resource.get(_SERVICE) or os.environ.get(_ENV_SERVICE)
    found["env"] = next((resource[name] for name in _ENVIRONMENTS if resource.get(name)), None)
    return {claim: str(value).encode("utf-8", "replace").decode() for claim, value in found.items() if value}


def _signed(claims: dict[str, Any], secret: bytes) -> str:
    header = {"alg": "HS256", "typ": "JWT"}
    signed = b".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return b".".join([signed, _base64(hmac.digest(secret, signed, "sha256"))]).decode()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
