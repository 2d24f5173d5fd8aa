"""Decodes a log event to a vote, a score or a product event; ordinary log lines are ignored."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import orjson
from otelgate.names import (
    EVENT_EVALUATION_RESULT,
    EVENT_FEEDBACK,
    GEN_AI_CONVERSATION_ID,
    GEN_AI_EVALUATION_EXPLANATION,
    GEN_AI_EVALUATION_NAME,
    GEN_AI_EVALUATION_SCORE_LABEL,
    GEN_AI_EVALUATION_SCORE_VALUE,
    LOG_RECORD_UID,
    OTELGATE_EVENT_NAME,
    OTELGATE_EVENT_UNIT,
    OTELGATE_EVENT_VALUE,
    OTELGATE_FEEDBACK_COMMENT,
    OTELGATE_FEEDBACK_RATING,
    OTELGATE_FEEDBACK_SCORE,
    OTELGATE_TIER,
    SESSION_ID,
    USER_ID,
)

from ..model import ratings
from ..model.records import Batch, Event, Feedback, Identity, Score, Text
from . import wire
from .spans import Source
from .values import MAX_VALUE, Attributes, InvalidValue, as_json, cut, name, number, plain, text, time_us, whole

_FEEDBACK: Final = EVENT_FEEDBACK.encode()
_EVALUATION: Final = EVENT_EVALUATION_RESULT.encode()
_EVENT_NAME: Final = OTELGATE_EVENT_NAME
_UID: Final = LOG_RECORD_UID
_OWN_PREFIX: Final = "otelgate."
_OWN: Final = frozenset((_UID, USER_ID, SESSION_ID, GEN_AI_CONVERSATION_ID, "event.name"))
_WORD: Final = re.compile(r"\S*")
_MAX_WORD: Final = 64

_Common = tuple[int, str, str | None, str, str | None, str | None, str | None]
"""The columns that votes, scores and events share, in the tables' order: start_time to user_id."""


def take(raw: bytes, source: Source, now_us: int, batch: Batch) -> bool:
    """Add the record of a log event to the batch; False if the sink does not store this event.

    Raises InvalidValue if it can't be stored, and DecodeError if the bytes are not a log record; the batch is then
    unchanged.
    """
    log = wire.LogRecord.FromString(raw)
    attributes = log.attributes
    kind = log.event_name
    if not kind and "event.name" in attributes:  # its place in older SDKs
        kind = attributes["event.name"].string_value
    if kind == _FEEDBACK:
        _take_feedback(_common(raw, log, attributes, source, now_us), attributes, batch)
    elif kind == _EVALUATION:
        _take_score(_common(raw, log, attributes, source, now_us), attributes, batch)
    elif _EVENT_NAME in attributes:
        _take_event(_common(raw, log, attributes, source, now_us), attributes, raw, batch)
    else:
        return False
    return True


def identity(raw: bytes, now_us: int) -> Identity:
    """Trace id and uid, as far as they can be read."""
    try:
        log = wire.LogRecord.FromString(raw)
    except wire.DecodeError:
        return Identity()
    try:
        uid = _uid(raw, log.attributes)
    except InvalidValue:
        uid = None
    return Identity(log.trace_id[:16].hex() or None, uid)


def _take_feedback(common: _Common, attributes: Attributes, batch: Batch) -> None:
    rating = name(attributes, OTELGATE_FEEDBACK_RATING)
    if rating not in (None, *ratings.STORED):
        raise InvalidValue(f"otelgate.feedback.rating {cut(rating)}: expected {' or '.join(ratings.STORED)}")
    score = whole(attributes, OTELGATE_FEEDBACK_SCORE, min(ratings.POINTS), max(ratings.POINTS))
    if rating is None and score is not None:
        rating = ratings.POINTS[score]
    _take_text(common, _long(attributes, OTELGATE_FEEDBACK_COMMENT), batch)
    batch.feedback.append(Feedback(*common, rating, score))


def _take_score(common: _Common, attributes: Attributes, batch: Batch) -> None:
    what = name(attributes, GEN_AI_EVALUATION_NAME)
    if what is None:
        raise InvalidValue("gen_ai.evaluation.name: expected a name")
    value = number(attributes, GEN_AI_EVALUATION_SCORE_VALUE, -MAX_VALUE, MAX_VALUE)
    label = name(attributes, GEN_AI_EVALUATION_SCORE_LABEL)
    _take_text(common, _long(attributes, GEN_AI_EVALUATION_EXPLANATION), batch)
    batch.scores.append(Score(*common, what, value, label))


def _take_event(common: _Common, attributes: Attributes, raw: bytes, batch: Batch) -> None:
    what = name(attributes, _EVENT_NAME)
    if what is None:
        raise InvalidValue("otelgate.event.name: expected a name")
    value = number(attributes, OTELGATE_EVENT_VALUE, -MAX_VALUE, MAX_VALUE)
    unit = name(attributes, OTELGATE_EVENT_UNIT)
    tier = name(attributes, OTELGATE_TIER)
    short, long = _split(raw)
    _take_text(common, _sorted_json(long) if long else None, batch)
    batch.events.append(Event(*common, tier, what, value, unit, _sorted_json(short)))


def _take_text(common: _Common, words: str | None, batch: Batch) -> None:
    if words is not None:
        start_time, uid, trace_id = common[:3]
        batch.texts[(start_time, trace_id or "", uid)] = Text(start_time, trace_id or "", uid, words, None, None)


def _common(raw: bytes, log: Any, attributes: Attributes, source: Source, now_us: int) -> _Common:
    return (
        time_us(log.time or log.observed_time, now_us, "time"),
        source.own(_uid(raw, attributes)),
        _trace_id(log.trace_id, source),
        source.service,
        source.environment,
        name(attributes, SESSION_ID) or name(attributes, GEN_AI_CONVERSATION_ID),
        name(attributes, USER_ID),
    )


def _uid(raw: bytes, attributes: Attributes) -> str:
    """The record's own id; without one, byte-identical records count as one."""
    return name(attributes, _UID) or hashlib.sha256(raw).hexdigest()[:32]


def _trace_id(raw: bytes, source: Source) -> str | None:
    if not raw or raw == bytes(16):
        return None
    if len(raw) != 16:
        raise InvalidValue(f"trace_id of {len(raw)} bytes: expected 16")
    return source.own(raw.hex())


def _long(attributes: Attributes, key: str) -> str | None:
    found = attributes.get(key)
    return None if found is None else _string(plain(found, key)) or None


def _split(raw: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """The application's own attributes: single words, and values that may be message content."""
    short: dict[str, str] = {}
    long: dict[str, str] = {}
    own = {text(each.key): each.value for each in wire.LogAttributes.FromString(raw).attributes}
    for key, attribute in own.items():
        if key.startswith(_OWN_PREFIX) or key in _OWN:
            continue
        value = plain(attribute, key)
        if value is None:
            continue
        written = _string(value)
        scalar = not isinstance(value, list | dict)
        (short if scalar and _is_word(key) and _is_word(written) else long)[key] = written
    return short, long


def _is_word(written: str) -> bool:
    return _WORD.fullmatch(written) is not None and len(written.encode()) <= _MAX_WORD


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return as_json(value) if isinstance(value, bool | list | dict) else str(value)


def _sorted_json(found: dict[str, str]) -> str:
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()
