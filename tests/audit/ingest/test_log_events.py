"""Log events to votes, scores and product events; ordinary log lines to nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from otelgate_audit.ingest.decode import decode_logs
from otelgate_audit.model.records import Event, Feedback, Score, Text
from protobuf_field import field

from ..decoding import NOW_US, START_NS, TRACE_ID, golden_logs, log, logs, nested

START_US = START_NS // 1000
TRACE = TRACE_ID.hex()
TIME = "expected a time between 2000 and one day from now"

UID = {"log.record.uid": "uid-1"}


def test_decode_vote() -> None:
    attributes = UID | {
        "otelgate.feedback.rating": "negative",
        "otelgate.feedback.score": 2,
        "otelgate.feedback.comment": "Too slow.",
        "session.id": "session-1",
        "user.id": "user-1",
    }
    made = log("otelgate.feedback", trace_id=TRACE_ID, attributes=attributes)
    batch = decode_logs(logs(made), NOW_US)
    vote = Feedback(START_US, "uid-1", TRACE, "shop", None, "session-1", "user-1", "negative", 2)
    assert batch.feedback == [vote]
    assert batch.texts == {(START_US, TRACE, "uid-1"): Text(START_US, TRACE, "uid-1", "Too slow.", None, None)}


@pytest.mark.parametrize(
    ("score", "rating"), [(1, "negative"), (2, "negative"), (3, None), (4, "positive"), (5, "positive")]
)
def test_points_are_a_vote(score: int, rating: str | None) -> None:
    made = log("otelgate.feedback", attributes={"otelgate.feedback.score": score})
    (vote,) = decode_logs(logs(made), NOW_US).feedback
    assert (vote.rating, vote.score, vote.trace_id) == (rating, score, None)


def test_decode_score() -> None:
    attributes = UID | {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.8,
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.explanation": "It fits.",
        "gen_ai.conversation.id": "session-1",
    }
    made = log("", trace_id=TRACE_ID, attributes={"event.name": "gen_ai.evaluation.result"} | attributes)
    batch = decode_logs(logs(made), NOW_US)
    assert batch.scores == [Score(START_US, "uid-1", TRACE, "shop", None, "session-1", None, "relevance", 0.8, "good")]
    assert [text.input for text in batch.texts.values()] == ["It fits."]


def test_decode_product_event() -> None:
    attributes = UID | {
        "otelgate.event.name": "purchase",
        "otelgate.event.value": 20,
        "otelgate.event.unit": "{USD}",
        "otelgate.tier": "pro",
        "user.id": "user-1",
        "plan": "team",
        "annual": True,
        "seats": 5,
        "share": 0.5,
        "empty": "",
        "note": "two words",
        "long": "x" * 65,
        "list": ["a"],
        "a key of words": "x",
        "nul\0": "\0",
        "none": None,
    }
    batch = decode_logs(logs(log("purchase", observed_time_unix_nano=1, attributes=attributes)), NOW_US)
    (event,) = batch.events
    short = {"annual": "true", "empty": "", "nul\ufffd": "\ufffd", "plan": "team", "seats": "5", "share": "0.5"}
    words = {"a key of words": "x", "list": '["a"]', "long": "x" * 65, "note": "two words"}
    assert event[:-1] == (START_US, "uid-1", None, "shop", None, None, "user-1", "pro", "purchase", 20.0, "{USD}")
    assert event.attributes == orjson.dumps(short, option=orjson.OPT_SORT_KEYS).decode()
    (text,) = batch.texts.values()
    assert (text.trace_id, text.record, orjson.loads(text.input or "")) == ("", "uid-1", words)


def test_decode_attribute_name_that_is_not_utf8() -> None:
    made = log("x", attributes=UID | {"otelgate.event.name": "x", "ab": "c"}).SerializeToString()
    (event,) = decode_logs(logs(made.replace(b"ab", b"\xff\0")), NOW_US).events
    assert orjson.loads(event.attributes) == {"\ufffd\ufffd": "c"}


def test_log_record_without_id_is_identified_by_its_bytes() -> None:
    made = log("x", attributes={"otelgate.event.name": "x"})
    batch = decode_logs(logs(made, made), NOW_US)
    assert {event.uid for event in batch.events} == {hashlib.sha256(made.SerializeToString()).hexdigest()[:32]}


def test_decode_takes_observed_time_for_missing_time() -> None:
    made = log("x", time_unix_nano=0, observed_time_unix_nano=START_NS, attributes={"otelgate.event.name": "x"})
    (event,) = decode_logs(logs(made), NOW_US).events
    assert isinstance(event, Event)
    assert event.start_time == START_US


def test_golden_logs() -> None:
    batch = decode_logs(golden_logs("logs"), NOW_US)
    assert [(score.name, score.value, score.label, score.user_id) for score in batch.scores] == [
        ("relevance", 0.8, "good", "user-1")
    ]
    assert (batch.ignored, batch.rejects) == (2, [])


FEEDBACK, EVALUATION = "otelgate.feedback", "gen_ai.evaluation.result"
UNFIT_LOGS: list[tuple[str, dict[str, Any], str]] = [
    (FEEDBACK, {"time_unix_nano": 0}, f"time 1970-01-01T00:00:00Z: {TIME}"),
    (FEEDBACK, {"trace_id": b"12"}, "trace_id of 2 bytes: expected 16"),
    (
        FEEDBACK,
        {"attributes": {"otelgate.feedback.rating": "meh"}},
        "otelgate.feedback.rating 'meh': expected positive or negative",
    ),
    (
        FEEDBACK,
        {"attributes": {"otelgate.feedback.score": 6}},
        "otelgate.feedback.score 6: expected a whole number, 1 to 5",
    ),
    (EVALUATION, {}, "gen_ai.evaluation.name: expected a name"),
    (
        EVALUATION,
        {"attributes": {"gen_ai.evaluation.name": "a", "gen_ai.evaluation.score.value": float("nan")}},
        "gen_ai.evaluation.score.value nan: expected a number, -1000000000000000 to 1000000000000000",
    ),
    ("x", {"attributes": {"otelgate.event.name": ""}}, "otelgate.event.name: expected a name"),
    (
        "x",
        {"attributes": {"otelgate.event.name": "x", "otelgate.event.value": "much"}},
        "otelgate.event.value 'much': expected a number, -1000000000000000 to 1000000000000000",
    ),
    (
        "",
        {"attributes": {"otelgate.event.name": "x", "otelgate.event.value": 1e16}},
        "otelgate.event.value 1e+16: expected a number, -1000000000000000 to 1000000000000000",
    ),
    (FEEDBACK, {"attributes": {"log.record.uid": "x" * 513}}, "log.record.uid of 513 bytes: expected at most 512"),
]


@pytest.mark.parametrize(
    ("event", "fields", "reason"), UNFIT_LOGS, ids=[each[2].split(":")[0][:40] for each in UNFIT_LOGS]
)
def test_decode_explains_rejected_event(event: str, fields: dict[str, Any], reason: str) -> None:
    good = log("x", attributes={"otelgate.event.name": "x"})
    batch = decode_logs(logs(good, log(event, **fields), good), NOW_US)
    (reject,) = batch.rejects
    assert (reject.signal, reject.service, reject.run, reject.reason) == ("logs", "shop", False, reason)
    assert len(batch.events) == 2


def test_decode_rejects_broken_log_record_alone() -> None:
    good = log("x", attributes={"otelgate.event.name": "x"}).SerializeToString()
    batch = decode_logs(logs(good, b"\x0a\xff", b"", good), NOW_US)
    assert (len(batch.events), batch.ignored) == (2, 1)
    assert [reject.reason for reject in batch.rejects] == ["not readable as OTLP"]


def test_decode_rejects_too_deep_attribute_alone() -> None:
    good = log("x", attributes={"otelgate.event.name": "x"}).SerializeToString()
    batch = decode_logs(logs(good, good + field(6, nested("tree", 5000)), good), NOW_US)
    assert [reject.reason for reject in batch.rejects] == ["tree: nested deeper than 64"]
    assert len(batch.events) == 2
