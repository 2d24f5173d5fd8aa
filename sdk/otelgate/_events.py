"""`event`, `feedback` and `score`: OpenTelemetry log events, which the gateway counts and sums."""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NamedTuple

from opentelemetry import _logs, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext

from . import _guard, _settings, names

_TRACE_ID = re.compile("[0-9a-fA-F]{32}")
_RESERVED = (names.GEN_AI_PREFIX, names.OTELGATE_PREFIX)


@_guard.never_raises(None)
def event(name: str, value: float | None = None, unit: str | None = None, **attributes: object) -> None:
    """Record that something happened in the product: a command, an upgrade, a purchase.

    A log event of that name with `otelgate.event.name`. The gateway counts it in `otelgate.event.count` and adds its
    value to `otelgate.event.value`. Of the attributes, those that the gateway allows become labels; all are kept on
    the event. While message content is off, attributes named as content (`prompt`, `message`, `input.value`) stay
    behind.

    Args:
        name: what happened; few different ones, and none that starts with `gen_ai.` or `otelgate.`.
        value: how much, as a finite number; the gateway doesn't sum negative ones.
        unit: of the value, a UCUM unit such as `s`, `By` or `{USD}`.
        attributes: strings, numbers and booleans, or lists of them; others as their `str()`, None not at all.

    Never raises: a bad argument is logged and nothing sent. Does nothing while telemetry is off.
    """
    _send("event", lambda: _product_event(name, value, unit, attributes))


@_guard.never_raises(None)
def feedback(rating: str | bool | int, trace_id: str | None = None, comment: str | None = None) -> None:
    """Record a user's vote on an answer, counted by the gateway in `otelgate.feedback.count`.

    Args:
        rating: "positive" or "negative", "up" or "down" (thumbs), True or False, or 1 (worst) to 5 (best). 4 and 5 are
            positive, 1 and 2 negative; 3 is neither: kept with its score, counted as no vote.
        trace_id: the trace that the vote is about, 32 hexadecimal digits; see `current_trace_id`. Without it, the
            current one.
        comment: the user's words. Message content: sent only when content capture is on.

    Never raises: a bad argument is logged and nothing sent. Does nothing while telemetry is off.
    """
    _send("feedback", lambda: _feedback(rating, trace_id, comment))


@_guard.never_raises(None)
def score(
    name: str, value: float, label: str | None = None, explanation: str | None = None, trace_id: str | None = None
) -> None:
    """Record the result of an evaluation, collected by the gateway in `otelgate.evaluation.score`.

    Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/ (`gen_ai.evaluation.result`)

    Args:
        name: what was evaluated, for instance `relevance`. `retrieval.relevance` (0 to 1) also feeds
            `otelgate.retrieval.score`.
        value: the score, a finite number.
        label: what the score means, in a word: `pass`, `relevant`.
        explanation: why. Message content: sent only when content capture is on.
        trace_id: the trace that was evaluated, 32 hexadecimal digits. Without it, the current one.

    Never raises: a bad argument is logged and nothing sent. Does nothing while telemetry is off.
    """
    _send("score", lambda: _score(name, value, label, explanation, trace_id))


class _Event(NamedTuple):
    name: str
    attributes: dict[str, Any]
    context: Context | None = None


class _BadArgument(ValueError):
    def __init__(self, argument: str, value: object, expected: str) -> None:
        super().__init__(argument)
        self.argument = argument
        self.value = value
        self.expected = expected


def _send(function: str, make: Callable[[], _Event]) -> None:
    logger = _logs.get_logger(names.SCOPE)
    if not _is_enabled(logger):
        return
    try:
        made = make()
    except _BadArgument as bad:
        _guard.report_argument(function, bad.argument, bad.value, bad.expected)
        return
    attributes = {key: value for key, value in made.attributes.items() if value is not None}
    # Ours last: where there are more than the SDK's limit, it drops the first.
    attributes[names.LOG_RECORD_UID] = str(uuid.uuid4())
    logger.emit(
        timestamp=time.time_ns(),
        context=made.context,
        severity_number=_logs.SeverityNumber.INFO,
        attributes=attributes,
        event_name=made.name,
    )


def _is_enabled(logger: Any) -> bool:
    if (ask := getattr(logger, "enabled", None)) is not None:  # since OpenTelemetry 1.45
        return bool(ask())
    from opentelemetry.sdk._logs import Logger

    return isinstance(logger, Logger)


def _product_event(name: object, value: object, unit: object, attributes: Mapping[str, object]) -> _Event:
    text = _name(name)
    if text.startswith(_RESERVED):
        raise _BadArgument("name", name, f"a name that starts with none of {', '.join(_RESERVED)}")
    if unit is not None and not isinstance(unit, str):
        raise _BadArgument("unit", unit, "a string")
    own = {_text(key): _plain(attribute) for key, attribute in attributes.items()}
    own |= {
        names.OTELGATE_EVENT_NAME: text,
        names.OTELGATE_EVENT_VALUE: None if value is None else _number(value),
        names.OTELGATE_EVENT_UNIT: _text(unit) if unit else None,
    }
    return _Event(text, own)


def _feedback(rating: object, trace_id: object, comment: object) -> _Event:
    word, points = _rating(rating)
    if trace_id is None:
        # Sampling in the gateway decides by spans: one that runs still says that its trace is worth keeping.
        marks = {names.OTELGATE_FEEDBACK_RATING: word, names.OTELGATE_FEEDBACK_SCORE: points}
        trace.get_current_span().set_attributes({name: mark for name, mark in marks.items() if mark is not None})
    attributes = {
        names.OTELGATE_FEEDBACK_RATING: word,
        names.OTELGATE_FEEDBACK_SCORE: points,
        names.OTELGATE_FEEDBACK_COMMENT: _content(comment),
    }
    return _Event(names.EVENT_FEEDBACK, attributes, _context(trace_id))


def _score(name: object, value: object, label: object, explanation: object, trace_id: object) -> _Event:
    attributes = {
        names.GEN_AI_EVALUATION_NAME: _name(name),
        names.GEN_AI_EVALUATION_SCORE_VALUE: _number(value),
        names.GEN_AI_EVALUATION_SCORE_LABEL: None if label is None else _text(label),
        names.GEN_AI_EVALUATION_EXPLANATION: _content(explanation),
    }
    return _Event(names.EVENT_EVALUATION_RESULT, attributes, _context(trace_id))


def _rating(rating: object) -> tuple[str | None, int | None]:
    """The vote and the points of a rating; 3 of 5 points is not a vote."""
    if isinstance(rating, bool):
        return "positive" if rating else "negative", None
    if isinstance(rating, str) and rating.lower() in names.RATINGS:
        return names.RATINGS[rating.lower()], None
    if isinstance(rating, Integral) and int(rating) in names.RATING_POINTS:
        points = int(rating)
        return names.RATING_POINTS[points], points
    raise _BadArgument("rating", rating, f"one of {', '.join(names.RATINGS)}, True, False, or an integer from 1 to 5")


def _context(trace_id: object) -> Context | None:
    """The current context with that trace in place of the current span; its baggage stays."""
    if trace_id is None:
        return None
    if not isinstance(trace_id, str) or not _TRACE_ID.fullmatch(trace_id) or int(trace_id, 16) == 0:
        raise _BadArgument("trace_id", trace_id, "32 hexadecimal digits, not all of them 0")
    span_context = SpanContext(int(trace_id, 16), trace.INVALID_SPAN_ID, is_remote=True)
    return trace.set_span_in_context(NonRecordingSpan(span_context))


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise _BadArgument("name", name, "a string that is not empty")
    return _text(name)


def _number(value: object) -> float:
    try:
        number = float(value) if isinstance(value, Real | Decimal) else math.nan
    except (OverflowError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise _BadArgument("value", value, "a finite number")
    return number


def _content(text: object) -> str | None:
    """Message content, when it may leave the process. Decided here too: an SDK that isn't ours has no filter."""
    # A malformed variable was warned about at the start.
    if text is None or not _settings.capture_content(warn=lambda message: None):
        return None
    return _text(text)


def _text(value: object) -> str:
    """As OTLP takes it: one string that isn't valid Unicode would cost the whole request."""
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", "replace").decode()


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        number = int(value)
        return number if -(2**63) <= number < 2**63 else str(number)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        # OpenTelemetry before 1.45 drops a list whose items are of several types.
        is_mixed = len({type(item) for item in items if item is not None}) > 1
        return [_text(item) for item in items] if is_mixed else items
    return _text(value)
