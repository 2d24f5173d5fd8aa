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

from otelgate.names import DURATION_BOUNDS

from .fake_models import Plan, Profile
from .faults import Faults
from .traffic import Visit

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
        own: dict[str, Any] = {"otelgate.event.name": name, **attributes, **_who(visit, feature, None)}
        own |= {"otelgate.event.value": value, "otelgate.event.unit": unit, "gen_ai.agent.name": agent}
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
        return {**found, "log.record.uid": f"{self.draw.getrandbits(128):032x}"}


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
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": profile.provider,
            "gen_ai.request.model": profile.model,
        }
        if not plan.error:
            own |= {
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.response.time_to_first_chunk": plan.first_token_s,
                "gen_ai.usage.input_tokens": plan.input_tokens,
                "gen_ai.usage.output_tokens": plan.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": plan.cached_tokens or None,
                "gen_ai.usage.reasoning.output_tokens": plan.reasoning_tokens or None,
                "output.value": text or None,
            }
        error = None if plan.error is None else type(plan.error).__name__
        self._span(f"chat {profile.model}", lasts, own, error, client=True)
        return plan

    def embeddings(self, model: str, provider: str, *, tokens: int, seconds: float) -> None:
        own = {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.usage.input_tokens": tokens,
        }
        self._span(f"embeddings {model}", seconds, own, client=True)

    def retrieval(self, seconds: float, *, name: str = "retrieval", error: str | None = None) -> None:
        self._span(name, seconds, {"gen_ai.operation.name": "retrieval"}, error)

    def tool(
        self, name: str, seconds: float, *, arguments: str = "", result: str = "", error: str | None = None
    ) -> None:
        own = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.arguments": arguments or None,
            "gen_ai.tool.call.result": result if result and not error else None,
        }
        self._span(f"execute_tool {name}", seconds, own, error)

    def speech(self, kind: Literal["stt", "tts"], seconds: float, *, model: str, error: str | None = None) -> None:
        self._span(kind, seconds, {"otelgate.speech.type": kind, "gen_ai.request.model": model}, error)

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
        words |= {"error.type": error} if error else {}
        text = f"the turn failed: {error}" if error else "answered"
        self._story.logs.append(Log(self.now, text, {**words, **self._who}, None, self.trace_id, severity=kind))

    def vote(self, positive: bool, *, after_s: float = 5.0, comment: str | None = None) -> None:
        """The user's thumb; after `end`."""
        own = {"otelgate.feedback.rating": "positive" if positive else "negative", "otelgate.feedback.comment": comment}
        self._log("otelgate.feedback", after_s, own)

    def score(self, name: str, value: float) -> None:
        """The result of an evaluation, as `otelgate.score` sends it."""
        self._log(
            "gen_ai.evaluation.result", 0, {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": value}
        )

    def _log(self, event: str, after_s: float, own: Mapping[str, Any]) -> None:
        who = {key: value for key, value in self._who.items() if key != "otelgate.feature"}
        attributes = self._story._with_uid({**own, **who})
        self._story.logs.append(Log(self.now + after_s, "", attributes, event, self.trace_id))

    def _span(
        self, name: str, seconds: float, own: Mapping[str, Any], error: str | None = None, *, client: bool = False
    ) -> None:
        found = {key: value for key, value in own.items() if value is not None} | self._who
        found["gen_ai.agent.name"] = self._agents[-1].attributes["gen_ai.agent.name"]
        self._story.spans.append(self._made(name, self.now, self.now + seconds, found, error, client))
        self.now += seconds

    def _open(self, agent: str) -> None:
        own: dict[str, Any] = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent, **self._who}
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
        "session.id": visit.session,
        "user.id": visit.user,
        "otelgate.tier": tier or visit.tier,
        "otelgate.feature": feature,
    }
    return {key: value for key, value in who.items() if value is not None}


def _dotted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("__", "."): value for key, value in attributes.items()}
