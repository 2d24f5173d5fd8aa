"""Execora's parts, without a stack: audio, websockets' reasons, what is said, the past."""

import itertools
import logging
import random
from collections.abc import Iterator
from typing import Any, cast

import pytest
from fastapi import FastAPI, WebSocket
from waiting import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from examples.common import history, traffic
from examples.common.faults import Faults
from examples.common.server import serve
from examples.execora import past
from examples.execora.agents import wanted
from examples.execora.database import NAMES
from examples.execora.example import EXAMPLE
from examples.execora.shopkeepers import Speak
from examples.execora.speech import Speech, SpeechNotRecognizedError, decode, encode, processing_s, seconds_of
from examples.execora.voice import Voice, reason_of


def test_audio_says_what_was_said() -> None:
    text = "Find Asha Stores"
    assert decode(encode(text)) == text
    assert seconds_of(encode(text)) == pytest.approx(0.06 * len(text))
    for audio in (encode(text, clear=False), b"", b"RIFF"):
        with pytest.raises(SpeechNotRecognizedError):
            decode(audio)
    assert processing_s("stt", 10) > processing_s("stt", 1)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, "normal"), (1001, "going_away"), (1012, "going_away"), (1005, "abnormal"), (1006, "abnormal"),
     (1011, "error"), (4000, "abnormal")],
)  # fmt: skip
def test_reasons(code: int, reason: str) -> None:
    assert reason_of(code) == reason


@pytest.fixture
def address() -> Iterator[str]:
    """A websocket with a short limit of silence."""
    voice = Voice(cast(Any, None), Speech(traffic.Stage()), Faults(), idle_s=0.3)
    app = FastAPI()

    @app.websocket("/ws")
    async def speak(socket: WebSocket) -> None:
        await voice.serve(socket, "shop-1", "session-1")

    with serve(app) as url:
        yield url.replace("http", "ws") + "/ws"


@pytest.mark.parametrize(("said", "code", "reason"), [("", 1008, "timeout"), ("no JSON", 1011, "error")])
def test_it_closes_what_is_silent_and_what_makes_no_sense(
    address: str, caplog: pytest.LogCaptureFixture, said: str, code: int, reason: str
) -> None:
    caplog.set_level(logging.ERROR)
    with connect(address, proxy=None) as connection:
        if said:
            connection.send(said)
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert until(lambda: f"WebSocket closed: {reason}" in caplog.messages, deadline_s=10)


def test_history_has_bad_hours_and_consistent_amounts() -> None:
    end = 1_790_000_000.0
    told = history.tell(EXAMPLE, end - 3 * 86_400, end, environment="demo")
    points = [(point.metric, point) for point in told.story.points]
    broken = [
        point.at
        for name, point in points
        if name == "execora.websocket.closed" and point.attributes["reason"] == "abnormal"
    ]
    assert broken
    assert all(past.is_bad(at) for at in broken)
    paid = sum(point.value for name, point in points if name == "execora.payment.amount")
    events = [log.attributes for log in told.story.logs if log.event == "payment"]
    assert paid == sum(own.get("otelgate.event.value", 0) for own in events) > 100_000
    assert {own["status"] for own in events} == {"completed", "failed"}
    pending = [point.value for name, point in points if name == "execora.queue.pending"]
    assert min(pending) == 0 < 5 < max(pending)


def test_every_command_that_is_spoken_means_something() -> None:
    draw = random.Random(3)
    coming = EXAMPLE.visits(draw, traffic.moments(draw, 0.0, 1.0, Faults()), Faults())
    steps = [step for visit in itertools.islice(coming, 300) for step in visit.steps]
    texts = [step.text for step in steps if isinstance(step, Speak)]
    known = [found for text in texts if (found := wanted(text))]
    assert {text for text in texts if not wanted(text)} == {"What do I do about those who pay late?"}
    assert len({skill.name for skill, _ in known}) == 8
    assert {args["customer"] for skill, args in known if skill.name != "add_customer"} == set(NAMES)
