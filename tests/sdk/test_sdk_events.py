"""`event`, `feedback`, `score`: what stands on the wire, whose trace it is, and what happens to bad arguments."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import otelgate
import pytest
from opentelemetry import _logs, trace
from opentelemetry.processor.baggage import BaggageLogProcessor
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from otelgate import _context, _guard, _scrub
from otlp_receiver import WAIT_S, Item, Receiver
from programs import Programs, Result

Run = Callable[..., Result]

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
NUMBER = "expected a finite number; nothing is sent"
NOT_EMPTY = "expected a string that is not empty; nothing is sent"
TRACE = "expected 32 hexadecimal digits, not all of them 0; nothing is sent"
RATING = "expected one of positive, negative, up, down, True, False, or an integer from 1 to 5; nothing is sent"
PREFIX = "expected a name that starts with none of gen_ai., otelgate.; nothing is sent"


class Recorded:
    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()

    def all(self) -> list[ReadableLogRecord]:
        return list(self.exporter.get_finished_logs())

    def one(self) -> ReadableLogRecord:
        (record,) = self.all()
        self.exporter.clear()
        return record

    def attributes(self) -> dict[str, Any]:
        """Those of the one event, without its id."""
        found = dict(self.one().log_record.attributes or {})
        assert uuid.UUID(str(found.pop("log.record.uid"))).version == 4
        return found


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    recorded = Recorded()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BaggageLogProcessor(_context.is_ours))
    provider.add_log_record_processor(SimpleLogRecordProcessor(recorded.exporter))
    monkeypatch.setattr(_logs, "get_logger", lambda name, *args: provider.get_logger(name))
    monkeypatch.setattr(_guard, "_reported", set())
    monkeypatch.delenv(CAPTURE, raising=False)
    yield recorded
    provider.shutdown()


def test_feedback_marks_the_running_span_for_sampling(events: Recorded) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("turn") as span:
        otelgate.feedback(2)
    assert isinstance(span, ReadableSpan)
    assert span.attributes == {"otelgate.feedback.rating": "negative", "otelgate.feedback.score": 2}


def test_event(events: Recorded) -> None:
    otelgate.event("plan.upgraded", value=29, unit="{USD}", from_tier="free", seats=3, trial=False, share=0.5, no=None)
    record = events.all()[0]
    assert record.log_record.event_name == "plan.upgraded"
    assert record.instrumentation_scope is not None
    assert record.instrumentation_scope.name == "otelgate"
    assert record.log_record.severity_number is _logs.SeverityNumber.INFO
    assert record.log_record.timestamp
    assert record.log_record.body is None
    found = events.attributes()
    assert found == {
        "otelgate.event.name": "plan.upgraded",
        "otelgate.event.value": 29.0,
        "otelgate.event.unit": "{USD}",
        "from_tier": "free",
        "seats": 3,
        "trial": False,
        "share": 0.5,
    }
    assert type(found["otelgate.event.value"]) is float
    otelgate.event("command")
    assert events.attributes() == {"otelgate.event.name": "command"}


def test_values_that_opentelemetry_has_no_type_for(events: Recorded) -> None:
    many: Any = {
        "big": 2**70, "half": Fraction(1, 2), "price": Decimal("1.10"), "tags": ["a", 1], "id": uuid.UUID(int=1),
        "broken": "a\ud800b", "otelgate.event.name": "other", "log.record.uid": "mine",
    }  # fmt: skip
    otelgate.event("broken \ud800", Decimal("2.5"), **many)  # type: ignore[arg-type]
    assert events.all()[0].log_record.event_name == "broken ?"
    assert events.attributes() == {
        "big": "1180591620717411303424",
        "half": 0.5,
        "price": "1.10",
        "tags": ("a", "1"),
        "id": "00000000-0000-0000-0000-000000000001",
        "broken": "a?b",
        "otelgate.event.name": "broken ?",
        "otelgate.event.value": 2.5,
    }


def test_more_attributes_than_the_sdk_keeps(events: Recorded) -> None:
    with pytest.warns(UserWarning, match="dropped due to limits"):
        otelgate.event("many", 1, **{f"a{number}": number for number in range(200)})  # type: ignore[arg-type]
    found = events.attributes()
    assert (found["otelgate.event.name"], found["otelgate.event.value"]) == ("many", 1.0)


@pytest.mark.parametrize(
    ("rating", "word", "points"),
    [
        ("positive", "positive", None),
        ("Negative", "negative", None),
        ("up", "positive", None),
        ("down", "negative", None),
        (True, "positive", None),
        (False, "negative", None),
        (1, "negative", 1),
        (2, "negative", 2),
        (3, None, 3),
        (4, "positive", 4),
        (5, "positive", 5),
    ],
)
def test_ratings(events: Recorded, rating: str | bool | int, word: str | None, points: int | None) -> None:
    otelgate.feedback(rating)
    assert events.all()[0].log_record.event_name == "otelgate.feedback"
    expected = {"otelgate.feedback.rating": word, "otelgate.feedback.score": points}
    assert events.attributes() == {key: value for key, value in expected.items() if value is not None}


@pytest.mark.shows("K15")
def test_score(events: Recorded) -> None:
    otelgate.score("retrieval.relevance", 1, label="relevant")
    assert events.all()[0].log_record.event_name == "gen_ai.evaluation.result"
    found = events.attributes()
    assert found == {
        "gen_ai.evaluation.name": "retrieval.relevance",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "relevant",
    }
    assert type(found["gen_ai.evaluation.score.value"]) is float


def ids(record: ReadableLogRecord) -> tuple[str, int | None, int]:
    log = record.log_record
    return format(log.trace_id or 0, "032x"), log.span_id, int(log.trace_flags or 0)


def test_the_current_trace_or_the_given_one(events: Recorded) -> None:
    current = NonRecordingSpan(SpanContext(0xC0FFEE, 0x7, is_remote=False, trace_flags=TraceFlags(1)))
    calls: tuple[Callable[..., None], ...] = (
        lambda **trace_id: otelgate.feedback("up", **trace_id),
        lambda **trace_id: otelgate.score("relevance", 0.5, **trace_id),
    )
    with trace.use_span(current):
        for call in calls:
            call()
            assert ids(events.one()) == (f"{0xC0FFEE:032x}", 7, 1)
            call(trace_id=TRACE_ID.upper())
            assert ids(events.one()) == (TRACE_ID, 0, 0)
        otelgate.event("command")
        assert ids(events.one()) == (f"{0xC0FFEE:032x}", 7, 1)
    otelgate.feedback("up")
    assert ids(events.one()) == ("0" * 32, 0, 0)


@pytest.mark.parametrize("given", [{}, {"trace_id": TRACE_ID}], ids=["current trace", "given trace"])
def test_session_and_agent_stand_on_every_event(events: Recorded, given: dict[str, str]) -> None:
    with otelgate.session("s-1", user_id="u-1", tier="pro", feature="search"), otelgate.agent("clerk"):
        otelgate.event("command")
        otelgate.feedback(True, **given)
        otelgate.score("relevance", 0.5, **given)
    found = [dict(record.log_record.attributes or {}) for record in events.all()]
    assert len({attributes["log.record.uid"] for attributes in found}) == 3
    for attributes in found:
        assert (
            attributes.items()
            >= {
                "session.id": "s-1",
                "user.id": "u-1",
                "otelgate.tier": "pro",
                "otelgate.feature": "search",
                "gen_ai.agent.name": "clerk",
            }.items()
        )


@pytest.mark.parametrize(("value", "sent"), [("", False), ("false", False), ("1", False), ("true", True)])
def test_words_are_sent_only_with_content_on(
    events: Recorded, monkeypatch: pytest.MonkeyPatch, value: str, sent: bool
) -> None:
    monkeypatch.setenv(CAPTURE, value)
    otelgate.feedback("down", comment="CANARY")
    assert events.attributes().get("otelgate.feedback.comment") == ("CANARY" if sent else None)
    otelgate.score("relevance", 0.5, explanation="CANARY")
    assert events.attributes().get("gen_ai.evaluation.explanation") == ("CANARY" if sent else None)


def test_the_content_filter_removes_words_and_keeps_events(events: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """With content on where the event is made, and off where it leaves: the filter has to do it alone."""
    monkeypatch.setenv(CAPTURE, "true")
    otelgate.event("search", 2, "{hit}", command="find", order="order-7", prompt="CANARY", **{"input.value": "CANARY"})
    otelgate.feedback(5, comment="CANARY")
    otelgate.score("relevance", 0.5, "good", "CANARY")
    cleaned = [record.log_record for record in _scrub.logs(events.all())]
    assert [record.event_name for record in cleaned] == ["search", "otelgate.feedback", "gen_ai.evaluation.result"]
    assert [sorted(set(record.attributes or {}) - {"log.record.uid"}) for record in cleaned] == [
        ["command", "order", "otelgate.event.name", "otelgate.event.unit", "otelgate.event.value"],
        ["otelgate.feedback.rating", "otelgate.feedback.score"],
        ["gen_ai.evaluation.name", "gen_ai.evaluation.score.label", "gen_ai.evaluation.score.value"],
    ]
    assert "CANARY" in str([record.log_record.attributes for record in events.all()])
    assert "CANARY" not in str([record.attributes for record in cleaned])


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("a bug of the application")

    __repr__ = __str__


BAD: tuple[tuple[str, tuple[Any, ...], dict[str, Any], str], ...] = (
    ("event", ("",), {}, f"otelgate.event(name=''): {NOT_EMPTY}"),
    ("event", (None,), {}, f"otelgate.event(name=None): {NOT_EMPTY}"),
    ("event", ("otelgate.feedback",), {}, f"otelgate.event(name='otelgate.feedback'): {PREFIX}"),
    ("event", ("gen_ai.x",), {}, f"otelgate.event(name='gen_ai.x'): {PREFIX}"),
    ("event", ("e", "7"), {}, f"otelgate.event(value='7'): {NUMBER}"),
    ("event", ("e", float("nan")), {}, f"otelgate.event(value=nan): {NUMBER}"),
    ("event", ("e", Decimal("sNaN")), {}, f"otelgate.event(value=Decimal('sNaN')): {NUMBER}"),
    ("event", ("e", 1, 5), {}, "otelgate.event(unit=5): expected a string; nothing is sent"),
    ("feedback", ("meh",), {}, f"otelgate.feedback(rating='meh'): {RATING}"),
    ("feedback", (6,), {}, f"otelgate.feedback(rating=6): {RATING}"),
    ("feedback", (0,), {}, f"otelgate.feedback(rating=0): {RATING}"),
    ("feedback", (4.5,), {}, f"otelgate.feedback(rating=4.5): {RATING}"),
    ("feedback", ([],), {}, f"otelgate.feedback(rating=[]): {RATING}"),
    ("feedback", ("x" * 500,), {}, f"otelgate.feedback(rating='{'x' * 27}...{'x' * 28}'): {RATING}"),
    ("feedback", ("up", "0" * 32), {}, f"otelgate.feedback(trace_id='{'0' * 32}'): {TRACE}"),
    ("feedback", ("up",), {"trace_id": 17}, f"otelgate.feedback(trace_id=17): {TRACE}"),
    ("feedback", ("up",), {"trace_id": ""}, f"otelgate.feedback(trace_id=''): {TRACE}"),
    ("score", (" ", 1), {}, f"otelgate.score(name=' '): {NOT_EMPTY}"),
    ("score", ("s", None), {}, f"otelgate.score(value=None): {NUMBER}"),
    ("score", ("s", float("-inf")), {}, f"otelgate.score(value=-inf): {NUMBER}"),
    ("score", ("s", 10**400), {}, f"otelgate.score(value=1{'0' * 17}...{'0' * 19}): {NUMBER}"),
    ("score", ("s", 1), {"trace_id": "xyz"}, f"otelgate.score(trace_id='xyz'): {TRACE}"),
)


@pytest.mark.parametrize(("function", "args", "kwargs", "message"), BAD, ids=[bad[3].split(": ")[0] for bad in BAD])
def test_a_bad_argument_is_said_once_and_nothing_is_sent(
    events: Recorded,
    caplog: pytest.LogCaptureFixture,
    function: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    message: str,
) -> None:
    with caplog.at_level(logging.DEBUG, "otelgate"):
        for _ in range(3):
            assert getattr(otelgate, function)(*args, **kwargs) is None
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", message), ("DEBUG", message), ("DEBUG", message),
    ]  # fmt: skip
    assert events.all() == []


def test_the_next_event_is_sent_after_a_bad_one(events: Recorded) -> None:
    otelgate.score("s", "bad")  # type: ignore[arg-type]
    otelgate.score("s", 1)
    assert events.attributes()["gen_ai.evaluation.score.value"] == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: otelgate.event("e", x=Unprintable()),
        lambda: otelgate.event(Unprintable()),  # type: ignore[arg-type]
        lambda: otelgate.feedback(Unprintable()),  # type: ignore[arg-type]
        lambda: otelgate.score("s", 1, label=Unprintable()),  # type: ignore[arg-type]
        lambda: otelgate.event(),  # type: ignore[call-arg]
    ],
)
def test_nothing_raises(events: Recorded, caplog: pytest.LogCaptureFixture, call: Callable[[], None]) -> None:
    with caplog.at_level(logging.WARNING, "otelgate"):
        call()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert events.all() == []


def test_before_init_nothing_is_sent_or_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        otelgate.event("command")
        otelgate.feedback("meh")
        otelgate.score("s", float("nan"))
    assert caplog.records == []


PROGRAM = """
    import logging, sys
    import otelgate
    logging.basicConfig(level="DEBUG", stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
    logging.getLogger("opentelemetry").setLevel("INFO")
    with otelgate.session("s-1", tier="pro"):
        with otelgate.agent("clerk"):
            otelgate.event("plan.upgraded", value=29, unit="{USD}", to_tier="pro", prompt="CANARY-prompt")
            trace_id = otelgate.current_trace_id()
        otelgate.feedback(5, trace_id=trace_id, comment="CANARY-comment")
        otelgate.score("relevance", 1, label="good", explanation="CANARY-why", trace_id=trace_id)
        for _ in range(2):
            otelgate.feedback("meh")
"""


def of_sdk(receiver: Receiver) -> dict[str, Item]:
    return {record.raw.event_name: record for record in receiver.logs() if record.raw.event_name}


@pytest.mark.parametrize("content", ["", "true"], ids=["content off", "content on"])
def test_on_the_wire(run: Run, receiver: Receiver, content: str) -> None:
    result = run(PROGRAM, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=content)
    assert (result.status, result.stderr) == (0, "")
    # Of the events nothing goes to the application's own handlers.
    assert result.stdout.splitlines() == [
        f"otelgate {level} otelgate.feedback(rating='meh'): {RATING}" for level in ("WARNING", "DEBUG")
    ]
    events = of_sdk(receiver)
    assert sorted(events) == ["gen_ai.evaluation.result", "otelgate.feedback", "plan.upgraded"]
    (agent,) = receiver.spans("invoke_agent clerk")
    assert {event.raw.trace_id for event in events.values()} == {agent.raw.trace_id}
    assert events["plan.upgraded"].raw.span_id == agent.raw.span_id
    assert {events[name].raw.span_id for name in ("otelgate.feedback", "gen_ai.evaluation.result")} == {b""}
    assert {event.scope for event in events.values()} == {"otelgate"}
    assert {event.attributes["session.id"] for event in events.values()} == {"s-1"}
    assert events["plan.upgraded"].attributes["gen_ai.agent.name"] == "clerk"
    assert events["plan.upgraded"].attributes["otelgate.event.value"] == 29.0
    assert events["otelgate.feedback"].attributes["otelgate.feedback.score"] == 5
    assert all(event.raw.time_unix_nano for event in events.values())
    canaries = [word for word in ("prompt", "comment", "why") if f"CANARY-{word}" in receiver.everything()]
    assert canaries == (["prompt", "comment", "why"] if content else [])


def test_disabled(run: Run, receiver: Receiver) -> None:
    result = run(PROGRAM, OTEL_SDK_DISABLED="true", OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true")
    assert (result.status, result.stdout, result.stderr) == (0, "", "")
    assert receiver.requests == []


def test_events_wait_while_the_gateway_is_away(programs: Programs, receiver: Receiver) -> None:
    def events() -> list[Item]:
        """Without the SDK's own line, which a busy machine sees."""
        return [line for line in receiver.logs() if "otelgate.event.value" in line.attributes]

    receiver.stop()
    process = programs.start(
        """
        import threading
        import otelgate
        for number in range(10):
            otelgate.event("command", value=number)
        print("sent", flush=True)
        threading.Event().wait()
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_METRICS_EXPORTER="none",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline() == "sent\n"
        assert process.stderr.readline().startswith(f"can't send telemetry to 127.0.0.1:{receiver.port}: ")
        receiver.start()
        receiver.wait_for(lambda: len(events()) >= 10, "the events")
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)
    assert sorted(event.attributes["otelgate.event.value"] for event in events()) == list(range(10))
    assert len({event.attributes["log.record.uid"] for event in events()}) == 10
