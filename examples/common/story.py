"""The past as the examples generate it: turns of agents with their calls, events, votes, log lines, metrics.

The history's writers make of it what the gateway makes of an application's telemetry: the same attributes on spans,
the same names, labels and buckets of metrics. Times are Unix seconds.

    turn = story.turn(visit, "estate_agent", feature="search", question="2 bedrooms in Marina")
    turn.model(SONNET, prompt=40, reply=20)
    turn.tool("search_bayut_properties", 0.9, arguments='{"area": "Marina"}', result="3 found")
    turn.model(SONNET, prompt=90, reply=60)
    turn.end("Three flats: …")
    turn.vote(True)
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from otelgate.names import (
    DURATION_BOUNDS,
    ERROR_TYPE,
    EVENT_EVALUATION_RESULT,
    EVENT_FEEDBACK,
    GEN_AI_AGENT_NAME,
    GEN_AI_EVALUATION_NAME,
    GEN_AI_EVALUATION_SCORE_VALUE,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_FINISH_REASONS,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_TOOL_CALL_ARGUMENTS,
    GEN_AI_TOOL_CALL_RESULT,
    GEN_AI_TOOL_NAME,
    GEN_AI_USAGE_CACHE_READ,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    GEN_AI_USAGE_REASONING,
    LOG_RECORD_UID,
    OTELGATE_EVENT_NAME,
    OTELGATE_EVENT_UNIT,
    OTELGATE_EVENT_VALUE,
    OTELGATE_FEATURE,
    OTELGATE_FEEDBACK_COMMENT,
    OTELGATE_FEEDBACK_RATING,
    OTELGATE_SPEECH_TYPE,
    OTELGATE_TIER,
    SESSION_ID,
    USER_ID,
)

from .fake_models import Plan, Profile
from .faults import Faults
from .visit import Visit

NO_FAULTS = Faults()


@dataclass(slots=True)
class Span:
    """`error` is the `error.type` of a span that failed."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: float
    end: float
    attributes: dict[str, Any]
    error: str | None = None
    client: bool = False


@dataclass(slots=True)
class Log:
    """A log line, or with `event` an event of that name."""

    at: float
    body: str
    attributes: dict[str, Any]
    event: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    severity: Literal["INFO", "WARNING", "ERROR"] = "INFO"


@dataclass(slots=True)
class Point:
    """One measurement of a metric of the application's own.

    `metric` is its name in OpenTelemetry, `unit` as there; a counter's value is what it grew by; `bounds` make it a
    histogram.
    """

    at: float
    metric: str
    unit: str
    kind: Literal["counter", "gauge", "histogram"]
    value: float
    attributes: Mapping[str, str]
    bounds: tuple[float, ...] = ()


@dataclass
class Story:
    """All that one service left behind. The same `draw` gives the same ids."""

    service: str
    draw: random.Random
    speed: float = 1.0
    spans: list[Span] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    """The example's state from one visit to the next."""

    def turn(
        self, visit: Visit, agent: str, *, at: float, question: str, feature: str | None = None, tier: str | None = None
    ) -> "Turn":
        """A run of an agent that begins at `at`; the visit says whose it is. `tier`: where it has changed since."""
        return Turn(self, _who(visit, feature, tier), agent, at, question)

    def event(
        self,
        visit: Visit,
        name: str,
        *,
        at: float,
        value: float | None = None,
        unit: str | None = None,
        feature: str | None = None,
        agent: str | None = None,
        trace_id: str | None = None,
        **attributes: str,
    ) -> None:
        """A product event, as `otelgate.event` sends it; the visit says whose it is."""
        own: dict[str, Any] = {OTELGATE_EVENT_NAME: name, **attributes, **_who(visit, feature, None)}
        own |= {OTELGATE_EVENT_VALUE: value, OTELGATE_EVENT_UNIT: unit, GEN_AI_AGENT_NAME: agent}
        self.logs.append(Log(at, "", self._with_uid(own), name, trace_id))

    def line(
        self, at: float, body: str, severity: Literal["INFO", "WARNING", "ERROR"] = "INFO", **attributes: Any
    ) -> None:
        """A log line outside of a turn. Dots of attributes' names are written as `__`: `turn__seconds=1.2`."""
        self.logs.append(Log(at, body, _dotted(attributes), severity=severity))

    def count(self, at: float, metric: str, unit: str, value: float = 1, **attributes: str) -> None:
        """A counter of the application's own grew. Dots as in `line`."""
        self.points.append(Point(at, metric, unit, "counter", value, _dotted(attributes)))

    def gauge(self, at: float, metric: str, unit: str, value: float, **attributes: str) -> None:
        """A gauge, or an up-down counter, had this value. Dots as in `line`."""
        self.points.append(Point(at, metric, unit, "gauge", value, _dotted(attributes)))

    def record(
        self, at: float, metric: str, unit: str, value: float, bounds: tuple[float, ...], **attributes: str
    ) -> None:
        """A histogram of the application's own. Dots as in `line`."""
        self.points.append(Point(at, metric, unit, "histogram", value, _dotted(attributes), bounds))

    def http(self, at: float, method: str, route: str, status: int, seconds: float) -> None:
        """A request to the application that ended at `at`, as FastAPI's instrumentation measures it."""
        own = {"http__request__method": method, "http__route": route, "http__response__status_code": str(status)}
        self.record(at, "http.server.request.duration", "s", seconds, DURATION_BOUNDS, **own)

    def database(self, at: float, operation: str, seconds: float, system: str = "postgresql") -> None:
        """A statement that ended at `at`."""
        own = {"db__system__name": system, "db__operation__name": operation}
        self.record(at, "db.client.operation.duration", "s", seconds, DURATION_BOUNDS, **own)

    def _with_uid(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        found = {key: value for key, value in attributes.items() if value is not None}
        return {**found, LOG_RECORD_UID: f"{self.draw.getrandbits(128):032x}"}


class Turn:
    """One run of an agent, told step by step; `now` is when the next step begins."""

    def __init__(self, story: Story, who: dict[str, Any], agent: str, at: float, question: str) -> None:
        self._story, self._who, self._question = story, who, question
        self.trace_id = f"{story.draw.getrandbits(128):032x}"
        self.now = at
        self.start = at
        self.error: str | None = None
        self._agents: list[Span] = []
        self._open(agent)

    def model(
        self, profile: Profile, *, prompt: int, reply: int, seed: str = "", faults: Faults = NO_FAULTS, text: str = ""
    ) -> Plan:
        """A chat with so many tokens of prompt and reply. If its plan has an error, most turns end with it."""
        plan = profile.plan(seed or f"{self._story.draw.random()}", prompt, reply, faults, self._story.speed)
        lasts = plan.first_token_s if plan.error else plan.duration_s
        own: dict[str, Any] = {
            GEN_AI_OPERATION_NAME: "chat",
            GEN_AI_PROVIDER_NAME: profile.provider,
            GEN_AI_REQUEST_MODEL: profile.model,
        }
        if not plan.error:
            own |= {
                GEN_AI_RESPONSE_FINISH_REASONS: ["stop"],
                GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: plan.first_token_s,
                GEN_AI_USAGE_INPUT_TOKENS: plan.input_tokens,
                GEN_AI_USAGE_OUTPUT_TOKENS: plan.output_tokens,
                GEN_AI_USAGE_CACHE_READ: plan.cached_tokens or None,
                GEN_AI_USAGE_REASONING: plan.reasoning_tokens or None,
                "output.value": text or None,
            }
        error = None if plan.error is None else type(plan.error).__name__
        self._span(f"chat {profile.model}", lasts, own, error, client=True)
        return plan

    def embeddings(self, model: str, provider: str, *, tokens: int, seconds: float) -> None:
        own = {
            GEN_AI_OPERATION_NAME: "embeddings",
            GEN_AI_PROVIDER_NAME: provider,
            GEN_AI_REQUEST_MODEL: model,
            GEN_AI_RESPONSE_MODEL: model,
            GEN_AI_USAGE_INPUT_TOKENS: tokens,
        }
        self._span(f"embeddings {model}", seconds, own, client=True)

    def retrieval(self, seconds: float, *, name: str = "retrieval", error: str | None = None) -> None:
        self._span(name, seconds, {GEN_AI_OPERATION_NAME: "retrieval"}, error)

    def tool(
        self, name: str, seconds: float, *, arguments: str = "", result: str = "", error: str | None = None
    ) -> None:
        own = {
            GEN_AI_OPERATION_NAME: "execute_tool",
            GEN_AI_TOOL_NAME: name,
            GEN_AI_TOOL_CALL_ARGUMENTS: arguments or None,
            GEN_AI_TOOL_CALL_RESULT: result if result and not error else None,
        }
        self._span(f"execute_tool {name}", seconds, own, error)

    def speech(self, kind: Literal["stt", "tts"], seconds: float, *, model: str, error: str | None = None) -> None:
        self._span(kind, seconds, {OTELGATE_SPEECH_TYPE: kind, GEN_AI_REQUEST_MODEL: model}, error)

    def wait(self, seconds: float) -> None:
        """Time in which nothing is called."""
        self.now += seconds

    @contextmanager
    def agent(self, name: str) -> Iterator[None]:
        """Another agent's run inside of this one: the router hands on."""
        self._open(name)
        try:
            yield
        finally:
            self._close(self.error)

    def end(self, answer: str | None = None, *, error: str | None = None) -> None:
        """With an answer, or with the `error.type` by which it failed."""
        self.error = error
        self._agents[0].attributes["output.value"] = answer if not error else None
        while self._agents:
            self._close(error)
        kind: Literal["ERROR", "INFO"] = "ERROR" if error else "INFO"
        words = {"turn.seconds": round(self.now - self.start, 3)}
        words |= {ERROR_TYPE: error} if error else {}
        text = f"the turn failed: {error}" if error else "answered"
        self._story.logs.append(Log(self.now, text, {**words, **self._who}, None, self.trace_id, severity=kind))

    def vote(self, positive: bool, *, after_s: float = 5.0, comment: str | None = None) -> None:
        """The user's thumb; after `end`."""
        own = {OTELGATE_FEEDBACK_RATING: "positive" if positive else "negative", OTELGATE_FEEDBACK_COMMENT: comment}
        self._log(EVENT_FEEDBACK, after_s, own)

    def score(self, name: str, value: float) -> None:
        """The result of an evaluation, as `otelgate.score` sends it."""
        self._log(EVENT_EVALUATION_RESULT, 0, {GEN_AI_EVALUATION_NAME: name, GEN_AI_EVALUATION_SCORE_VALUE: value})

    def _log(self, event: str, after_s: float, own: Mapping[str, Any]) -> None:
        who = {key: value for key, value in self._who.items() if key != OTELGATE_FEATURE}
        attributes = self._story._with_uid({**own, **who})
        self._story.logs.append(Log(self.now + after_s, "", attributes, event, self.trace_id))

    def _span(
        self, name: str, seconds: float, own: Mapping[str, Any], error: str | None = None, *, client: bool = False
    ) -> None:
        found = {key: value for key, value in own.items() if value is not None} | self._who
        found[GEN_AI_AGENT_NAME] = self._agents[-1].attributes[GEN_AI_AGENT_NAME]
        self._story.spans.append(self._made(name, self.now, self.now + seconds, found, error, client))
        self.now += seconds

    def _open(self, agent: str) -> None:
        own: dict[str, Any] = {GEN_AI_OPERATION_NAME: "invoke_agent", GEN_AI_AGENT_NAME: agent, **self._who}
        if not self._agents:
            own["input.value"] = self._question
        self._agents.append(self._made(f"invoke_agent {agent}", self.now, self.now, own, None, False))

    def _close(self, error: str | None) -> None:
        span = self._agents.pop()
        span.end, span.error = self.now, error
        span.attributes = {key: value for key, value in span.attributes.items() if value is not None}
        self._story.spans.append(span)

    def _made(self, name: str, start: float, end: float, own: dict[str, Any], error: str | None, client: bool) -> Span:
        parent = self._agents[-1].span_id if self._agents else None
        span_id = f"{self._story.draw.getrandbits(64) or 1:016x}"
        return Span(self.trace_id, span_id, parent, name, start, end, own, error, client)


def _who(visit: Visit, feature: str | None, tier: str | None) -> dict[str, Any]:
    who = {
        SESSION_ID: visit.session,
        USER_ID: visit.user,
        OTELGATE_TIER: tier or visit.tier,
        OTELGATE_FEATURE: feature,
    }
    return {key: value for key, value in who.items() if value is not None}


def _dotted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("__", "."): value for key, value in attributes.items()}
