"""Made-up users and what they do, for measuring: the same seed and end give the same records.

Three applications: a property bot with commands and quotas, a help desk where a router hands on to four agents, and a
shop. A few users do most of the asking, people join and leave, nights are quiet, one turn in twelve is rated.
"""

from __future__ import annotations

import bisect
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from otelgate_audit.model.clock import DAY_US
from otelgate_audit.model.records import Event, Feedback, ModelCall, Record, Run, Score, Text, ToolCall

SECOND: Final = 1_000_000

Item = tuple[Record, Text | None]


class Tool(NamedTuple):
    name: str
    weight: float
    failing: float
    """The share of its calls that fail."""
    seconds: float
    """Its usual duration."""


class Model(NamedTuple):
    provider: str
    name: str
    input_pico: int
    """Price of a token, in pico-USD."""
    output_pico: int


@dataclass(frozen=True)
class Application:
    """The shape of one service's turns."""

    name: str
    agent: str
    specialists: dict[str, float]
    """Agents that `agent` hands off to, with their weights."""
    tools: tuple[Tool, ...]
    features: tuple[str, ...]
    models: tuple[Model, ...]
    commands: tuple[str, ...] = ()
    sells: bool = False


APPLICATIONS: Final = (
    Application(
        "estate-bot",
        "estate-agent",
        {},
        (
            Tool("search_properties", 9, 0.03, 0.9),
            Tool("calculate_chiller_cost", 3, 0.02, 0.1),
            Tool("analyze_investment", 2, 0.06, 2.6),
            Tool("get_market_trends", 2, 0.04, 1.2),
            Tool("verify_title_deed", 1, 0.12, 3.5),
        ),
        ("chat", "search", "analysis"),
        (Model("anthropic", "large", 3_000_000, 15_000_000), Model("anthropic", "small", 800_000, 4_000_000)),
        ("/search", "/analyze", "/compare", "/trends", "/status", "/help"),
    ),
    Application(
        "helpdesk",
        "router",
        {"erp-agent": 4, "crm-agent": 3, "it-ops-agent": 2, "oa-agent": 1},
        (
            Tool("query_orders", 5, 0.04, 0.4),
            Tool("find_customer", 4, 0.03, 0.3),
            Tool("restart_service", 1, 0.15, 4.0),
        ),
        ("support",),
        (Model("local", "qwen2.5-14b", 50_000, 100_000),),
    ),
    Application(
        "shop",
        "assistant",
        {"booking-agent": 1, "advice-agent": 2},
        (Tool("search_catalogue", 6, 0.02, 0.5), Tool("reserve", 1, 0.2, 1.5)),
        ("chat", "valuation"),
        (Model("openai", "gpt-4o", 2_500_000, 10_000_000),),
        sells=True,
    ),
)
_SHARES: Final = (5, 3, 2)

PRICE_VERSION: Final = "synthetic"
_HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 9, 9, 9, 8, 8, 9, 10, 9, 7, 5, 3)
_NEXT_TIER: Final = {"free": "basic", "basic": "pro"}
_TEXT: Final = (
    "what does the flat near the marina cost a year and how is that next to the tower on the hill when the market of"
    " this spring goes on as it did and the fees for cooling are counted in for two people who work at home"
)


@dataclass(slots=True)
class Person:
    """A user, and the tier that they have by now."""

    application: Application
    user_id: str
    environment: str
    joined: int
    left: int
    tier: str | None


class World:
    """All that happens in the `days` before `until` (microseconds since 1970), with exactly so many turns."""

    def __init__(self, turns: int, days: int, until: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._turns, self._days = turns, days
        self._start = until - days * DAY_US
        self._people = self._populate(max(10, turns // 25))
        weights = (min(self._random.paretovariate(1.1), 150.0) for _ in self._people)
        self._weights = list(itertools.accumulate(weights))
        self._joined = [person.joined for person in self._people]
        self._vocabulary = _TEXT.split()
        self._questions = [self._words(8, 20) for _ in range(max(20, turns // 500))]

    def days(self) -> Iterator[tuple[list[list[Item]], list[Item]]]:
        """For each day, oldest first: the records of each turn that ends in it, and its product events."""
        done = 0
        for day in range(self._days):
            start, due = self._start + day * DAY_US, self._turns * (day + 1) // self._days
            events = self._sign_ups(start, start + DAY_US)
            talks: list[list[Item]] = []
            while done + len(talks) < due:
                self._session(start, due - done - len(talks), talks, events)
            done += len(talks)
            talks.sort(key=lambda items: items[0][0].start_time)
            yield talks, events

    def _populate(self, count: int) -> list[Person]:
        """A third of them joined in the 45 days before."""
        draw, before = self._random, 45 * DAY_US
        people = []
        for joined in sorted(self._start - before + draw.randrange(before + self._days * DAY_US) for _ in range(count)):
            application = draw.choices(APPLICATIONS, _SHARES)[0]
            people.append(
                Person(
                    application,
                    f"u{draw.getrandbits(64):016x}",
                    "staging" if draw.random() < 0.03 else "production",
                    joined,
                    joined + 7 * DAY_US + int(draw.expovariate(1 / 70) * DAY_US),
                    "free" if application.commands else None,
                )
            )
        return people

    def _sign_ups(self, start: int, end: int) -> list[Item]:
        joined = self._people[bisect.bisect_left(self._joined, start) : bisect.bisect_left(self._joined, end)]
        sources = ("search", "friend", "campaign")
        return [
            self._event(person, None, person.joined, "user.signup", source=self._random.choice(sources))
            for person in joined
        ]

    def _session(self, day: int, most: int, talks: list[list[Item]], events: list[Item]) -> None:
        """A session of one person with one or several turns, at most so many; it ends within the day."""
        draw = self._random
        clock = (draw.choices(range(24), _HOURS)[0] * 3600 + draw.randrange(3600)) * SECOND
        end = day + (clock - day) % DAY_US - 90 * SECOND
        person = self._person_at(end - 3600 * SECOND)
        gaps = [
            int((20 + draw.expovariate(1 / 60)) * SECOND) for _ in range(min(most, 12, 1 + int(draw.expovariate(0.6))))
        ]
        time = max(end - sum(gaps), person.joined + SECOND)
        session, specialist = f"s{draw.getrandbits(64):016x}", ""
        events.append(self._event(person, session, time - SECOND, "session.start"))
        for gap in gaps:
            if person.application.specialists and (not specialist or draw.random() < 0.15):
                names, weights = zip(*person.application.specialists.items(), strict=True)
                specialist = draw.choices(names, weights)[0]
            talks.append(_Talk(draw, person, session, time, specialist).items(self._question(), self._words(30, 80)))
            events += self._product_events(person, session, time)
            time += gap

    def _person_at(self, time: int) -> Person:
        here = max(1, bisect.bisect_left(self._joined, time))
        for _ in range(8):
            person = self._people[bisect.bisect_left(self._weights, self._random.random() * self._weights[here - 1])]
            if person.left > time:
                break
        return person

    def _question(self) -> str:
        draw = self._random
        if draw.random() < 0.3:  # one of the frequent questions
            return self._questions[int(len(self._questions) * draw.random() ** 3)]
        return f"{self._words(8, 20)} {draw.getrandbits(32)}"

    def _product_events(self, person: Person, session: str, time: int) -> Iterator[Item]:
        draw, application = self._random, person.application
        if application.commands and draw.random() < 0.4:
            yield self._event(person, session, time - 1000, "command.used", command=draw.choice(application.commands))
        if application.sells and draw.random() < 0.3:
            yield self._event(person, session, time, "property.search")
            if draw.random() < 0.1:
                status = "completed" if draw.random() < 0.8 else "failed"
                yield self._event(person, session, time + 60 * SECOND, "reservation", status=status)
        if person.tier in _NEXT_TIER and draw.random() < (0.06 if person.tier == "free" else 0.01):
            yield self._event(person, session, time, "quota.hit")
            if draw.random() < 0.08:
                yield self._new_tier(person, session, time, "subscription.upgraded", _NEXT_TIER[person.tier])
        elif person.tier in ("basic", "pro") and draw.random() < 0.002:
            yield self._new_tier(person, session, time, "subscription.cancelled", "free")

    def _new_tier(self, person: Person, session: str, time: int, name: str, to: str) -> Item:
        before, person.tier = str(person.tier), to
        return self._event(person, session, time + 10 * SECOND, name, from_tier=before, to_tier=to)

    def _event(self, person: Person, session: str | None, time: int, name: str, **attributes: str) -> Item:
        uid = f"{self._random.getrandbits(128):032x}"
        of = (person.application.name, person.environment, session, person.user_id, person.tier)
        return Event(time, uid, None, *of, name, None, None, json.dumps(attributes, sort_keys=True)), None

    def _words(self, least: int, most: int) -> str:
        words = self._vocabulary
        start, count = self._random.randrange(len(words)), self._random.randint(least, most)
        return " ".join((words * 3)[start : start + count])


class _Talk:
    """The records of one turn."""

    def __init__(self, draw: random.Random, person: Person, session: str, start: int, specialist: str) -> None:
        self._random, self._application, self._start = draw, person.application, start
        self._agents = [person.application.agent, *([specialist] if specialist else [])]
        self._trace, self._root = f"{draw.getrandbits(128):032x}", _span_id(draw)
        self._of = (person.application.name, person.environment)
        self._whose = (session, person.user_id, person.tier, draw.choice(person.application.features))
        self._vote_of = (*self._of, session, person.user_id)
        self._latency = int((0.8 + draw.lognormvariate(1.0, 0.7)) * SECOND)
        self._failed = draw.random() < 0.03

    def items(self, question: str, reply: str) -> list[Item]:
        return [*self._runs(question, reply), *self._model_calls(), *self._tool_calls(reply), *self._votes(reply)]

    def _runs(self, question: str, reply: str) -> Iterator[Item]:
        outcome = ("error", False, "TimeoutError") if self._failed else ("ok", False, None)
        for depth, agent in enumerate(self._agents):
            start = self._start + depth * 300_000
            span, parent = (_span_id(self._random), self._root) if depth else (self._root, None)
            duration = max(self._latency - depth * 350_000, 1000)
            head = self._head(start, span, parent, agent)
            run = Run._make((*head, duration, *outcome, None, "invoke_agent", start))
            error = "the model did not answer in time" if self._failed else None
            text = Text(start, self._trace, span, question, None if self._failed else reply, error)
            yield run, None if depth else text

    def _model_calls(self) -> Iterator[Item]:
        draw = self._random
        model = draw.choice(self._application.models)
        for number in range(1 + (draw.random() < 0.6)):
            start = self._start + 400_000 + number * self._latency // 2
            tokens, output = 300 + int(draw.expovariate(1 / 900)), 30 + int(draw.expovariate(1 / 180))
            cost = tokens * model.input_pico + output * model.output_pico
            head = self._head(start, _span_id(draw), self._root, self._agents[-1])
            outcome = (max(self._latency // 2 - 450_000, 1000), "ok", False, None, None)
            usage = ("chat", model.provider, model.name, model.name, tokens, output, None, None, None)
            price = (self._latency // 5, cost, "priced", PRICE_VERSION, "stop", start)
            yield ModelCall._make((*head, *outcome, *usage, *price)), None

    def _tool_calls(self, words: str) -> Iterator[Item]:
        draw, tools = self._random, self._application.tools
        for number in range(draw.choices((0, 1, 2, 3), (3, 4, 2, 1))[0]):
            tool = draw.choices(tools, [each.weight for each in tools])[0]
            failed = draw.random() < tool.failing
            start, span = self._start + 500_000 + number * self._latency // 4, _span_id(draw)
            duration = int(draw.lognormvariate(0, 0.5) * tool.seconds * SECOND)
            outcome = ("error", False, "UpstreamError", None) if failed else ("ok", False, None, None)
            head = self._head(start, span, self._root, self._agents[-1])
            result, error = (None, "upstream answered 503") if failed else (words, None)
            text = Text(start, self._trace, span, '{"query": "marina"}', result, error)
            yield ToolCall._make((*head, duration, *outcome, tool.name, f"call-{span}")), text

    def _votes(self, words: str) -> Iterator[Item]:
        draw, end = self._random, self._start + self._latency
        if draw.random() < 1 / 12:
            rating, score = ("positive", 5) if draw.random() < 0.82 else ("negative", 2)
            vote = Feedback(end + 5 * SECOND, _uid(draw), self._trace, *self._vote_of, rating, score)
            comment = Text(vote.start_time, self._trace, vote.uid, words[:80], None, None)
            yield vote, comment if draw.random() < 0.2 else None
        if draw.random() < 0.2:
            value = round(draw.uniform(0.4, 1), 3)
            yield Score(end, _uid(draw), self._trace, *self._vote_of, "confidence", value, None), None

    def _head(self, start: int, span: str, parent: str | None, agent: str) -> tuple[Any, ...]:
        """The first columns of every span, up to the feature."""
        return (start, self._trace, span, parent, *self._of, agent, *self._whose)


def _span_id(draw: random.Random) -> str:
    return f"{draw.getrandbits(64):016x}"


def _uid(draw: random.Random) -> str:
    return f"{draw.getrandbits(128):032x}"
