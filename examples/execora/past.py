"""The telemetry of a visit in the past; and, every third day, an hour in which the network is bad."""

import json
import re

from examples.common.fake_models import tokens_of
from examples.common.story import Story, Turn
from examples.common.visit import Visit

from .agents import AGENT, MINI, compose, wanted
from .books import UPI_LIMIT_INR
from .database import OPENING_INR
from .shopkeepers import Leave, Look, Register, Speak, Step
from .speech import STT_MODEL, TTS_MODEL, SpeechNotRecognizedError, encode, processing_s, seconds_of
from .telemetry import AMOUNT_BOUNDS

_DAY_S, _BAD_AT_S, _BAD_S = 86_400, 11 * 3600, 3600.0
_MESSAGE_S = 0.5
_GAUGES_S = 60.0


def tell(visit: Visit, story: Story) -> None:
    """The visit, step by step."""
    now, opened = visit.at, None
    for step in visit.steps:
        if isinstance(step, Speak) and opened is None:
            opened = now
        now = _step(visit, story, step, now)
        if isinstance(step, Leave) and opened is not None:
            _close(story, step, opened, now)
        now += story.draw.uniform(3, 25)


def ambient(start: float, end: float, story: Story) -> None:
    """Open websockets and waiting tasks after each change, connections of the pool."""
    for metric, unit, key in (
        ("execora.websocket.active", "{connection}", "sockets"),
        ("execora.queue.pending", "{task}", "tasks"),
    ):
        number = 0
        for at, change in [(start, 0), *sorted(story.state.get(key, []))]:
            number += change
            story.gauge(at, metric, unit, number)
    at = start
    while at < end:
        for state, number in (("used", int(at / _GAUGES_S) % 3 % 2), ("idle", 3)):
            story.gauge(at, "db.client.connection.count", "{connection}", number, pool__name="execora", state=state)
        at += _GAUGES_S


def is_bad(at: float) -> bool:
    """Whether the network was bad then: websockets break off, and messages wait for the hour to end."""
    day, second = divmod(at, _DAY_S)
    return day % 3 == 0 and _BAD_AT_S <= second < _BAD_AT_S + _BAD_S


def _step(visit: Visit, story: Story, step: Step, at: float) -> float:
    """Returns when it was over."""
    match step:
        case Look(path):
            seconds = 0.004 + _statement(story, at, "SELECT")
            story.http(at + seconds, "GET", path, 200, seconds)
            return at + seconds
        case Register():
            seconds = 0.004 + _statement(story, at, "INSERT")
            story.event(visit, "customer", at=at + seconds, operation="create")
            story.http(at + seconds, "POST", "/api/customers", 201, seconds)
            return at + seconds
        case Speak():
            return _speak(visit, story, step, at)
    return at


def _close(story: Story, step: Leave, opened: float, at: float) -> None:
    reason = "abnormal" if is_bad(at) and story.draw.random() < 0.6 else step.how
    story.count(at, "execora.websocket.closed", "{connection}", reason=reason)
    story.state.setdefault("sockets", []).extend([(opened, 1), (at, -1)])
    if reason == "abnormal":
        story.line(at, "WebSocket closed: abnormal", "ERROR")
        story.count(at, "execora.error", "{error}", error__type="WebSocketClosed")


def _speak(visit: Visit, story: Story, step: Speak, at: float) -> float:
    turn = story.turn(visit, AGENT, at=at, question=step.text if step.clear else "", feature="voice")
    heard = processing_s("stt", seconds_of(encode(step.text)))
    error = None if step.clear else SpeechNotRecognizedError.__name__
    turn.speech("stt", heard, model=STT_MODEL, error=error)
    answer, done = (None, False) if error else _answer(visit, story, step, turn)
    if answer:
        turn.speech("tts", processing_s("tts", seconds_of(encode(answer))), model=TTS_MODEL)
    else:
        story.count(turn.now, "execora.error", "{error}", error__type=error or "error")
        story.line(turn.now, "a voice command was not understood", "WARNING")
    own = {"agent": AGENT, "feature": "voice", "trace_id": turn.trace_id}
    story.event(visit, "voice.command", at=turn.now, status="success" if done else "failed", **own)
    # By its whole name, as the SDK has it on the runs of agents.
    turn.end(answer, error=error and f"{SpeechNotRecognizedError.__module__}.{error}")
    if step.vote is not None and answer:
        turn.vote(step.vote)
    return turn.now


def _answer(visit: Visit, story: Story, step: Speak, turn: Turn) -> tuple[str, bool]:
    """The assistant's reply, and whether the command succeeded."""
    found, result, prompt = wanted(step.text), None, tokens_of(step.text) + 40
    if found:
        skill, args = found
        words = json.dumps(args)
        turn.model(MINI, prompt=prompt, reply=tokens_of(words))
        seconds = 0.004 + _statement(story, turn.now, "SELECT")
        result = _operation(visit, story, turn, skill.name, args.get("amount"), args.get("method"))
        error = None if result else "PaymentDeclinedError"
        turn.tool(skill.name, seconds, arguments=words, result=result or "", error=error)
        prompt += 30
    answer = compose(found[0] if found else None, result)
    turn.model(MINI, prompt=prompt, reply=tokens_of(answer), text=answer)
    return answer, not found or result is not None


def _operation(visit: Visit, story: Story, turn: Turn, tool: str, amount: int | None, method: str | None) -> str | None:
    """Apply a tool to the books; its result, or None if it failed."""
    at, number = turn.now, story.state.get("number", 0) + 1
    story.state["number"] = number
    verb, thing = re.fullmatch(r"(\w+)_(\w+)", tool).groups()  # type: ignore[union-attr]
    if thing == "payment":
        return _payment(visit, story, turn, number, int(amount or 0), str(method))
    own = {"agent": AGENT, "feature": "voice", "trace_id": turn.trace_id}
    operation = {"add": "create", "find": "search"}.get(verb, verb)
    story.event(visit, thing, at=at, operation=operation, **own)
    _statement(story, at, {"create": "INSERT", "search": "SELECT"}.get(operation, "UPDATE"))
    if thing == "invoice":
        done = {"create": "created", "update": "updated", "send": "sent", "cancel": "cancelled"}[operation]
        story.line(at, f"Invoice {number} {done}", amount_inr=amount or OPENING_INR)
        if operation == "send":
            _task(story, at)
    return str(number)


def _payment(visit: Visit, story: Story, turn: Turn, number: int, amount: int, method: str) -> str | None:
    at = turn.now
    _statement(story, at, "INSERT")
    own = {"agent": AGENT, "feature": "voice", "trace_id": turn.trace_id}
    if method == "UPI" and amount > UPI_LIMIT_INR:
        story.event(visit, "payment", at=at, status="failed", **own)
        story.line(at, f"Payment {number} failed", "WARNING", amount_inr=amount)
        story.count(at, "execora.error", "{error}", error__type="PaymentDeclinedError")
        return None
    story.event(visit, "payment", at=at, value=amount, unit="{INR}", status="completed", **own)
    story.record(at, "execora.payment.amount", "{INR}", amount, AMOUNT_BOUNDS)
    story.line(at, f"Payment {number} received", amount_inr=amount)
    _task(story, at)
    return str(number)


def _task(story: Story, at: float) -> None:
    """A message that goes out: soon, or when the bad hour is over."""
    done = at + _MESSAGE_S
    if is_bad(at):
        done = at // _DAY_S * _DAY_S + _BAD_AT_S + _BAD_S + story.draw.uniform(0, 120)
    story.state.setdefault("tasks", []).extend([(at, 1), (done, -1)])


def _statement(story: Story, at: float, operation: str) -> float:
    seconds = story.draw.lognormvariate(-5.8, 0.7)  # 3 ms, now and then 15
    story.database(at + seconds, operation, seconds)
    return seconds
