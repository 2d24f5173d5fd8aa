"""Made-up users and their conversations, for measuring: the same seed and end give the same rows.

Three applications: a property bot with commands and quotas, a help desk where a router hands on to four agents, and a
shop. A few users do most of the asking, people join and leave, nights are quiet, one conversation in twelve is rated.
"""

from __future__ import annotations

import bisect
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from . import records

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "audit.users": (
        *("service", "user_id", "first_seen", "last_seen", "signed_up_at", "tier", "tier_at", "conversations"),
    ),
    "audit.sessions": (
        *("service", "session_id", "user_id", "user_at", "first_seen", "last_seen", "tier", "tier_at"),
        *("conversations", "agents"),
    ),
    "audit.conversations": (
        *("trace_id", "started_at", "ended_at", "arrived_at", "updated_at", "service", "environment", "agent", "route"),
        *("session_id", "user_id", "tier", "feature", "status", "error_type", "latency_us", "ttft_us", "runs"),
        *("model_calls", "tool_calls", "tool_errors", "input_tokens", "output_tokens", "cost_usd", "price_version"),
        *("models", "confidence", "rating", "rating_score", "question_hash", "asked_start", "asked_record"),
        *("replied_start", "replied_record", "state"),
    ),
    "audit.runs": records.Run._fields,
    "audit.model_calls": tuple("cost_usd" if name == "cost_pico" else name for name in records.ModelCall._fields),
    "audit.tool_calls": records.ToolCall._fields,
    "audit.feedback": records.Feedback._fields,
    "audit.scores": records.Score._fields,
    "audit.events": records.Event._fields,
    "content.texts": records.Text._fields,
}
"""The tables that get rows, with the columns that are filled, in the order of the rows."""

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Application:
    """What the conversations of one service look like. Weights are relative."""

    name: str
    agent: str
    specialists: tuple[tuple[str, float], ...]
    tools: tuple[tuple[str, float, float, float], ...]
    """name, weight, share that fails, mean duration in seconds"""
    features: tuple[str, ...]
    models: tuple[tuple[str, str, int, int], ...]
    """provider, model, pico-USD for an input and an output token"""
    commands: tuple[str, ...] = ()
    sells: bool = False


APPLICATIONS: Final = (
    Application(
        "estate-bot",
        "estate-agent",
        (),
        (
            ("search_properties", 9, 0.03, 0.9),
            ("calculate_chiller_cost", 3, 0.02, 0.1),
            ("analyze_investment", 2, 0.06, 2.6),
            ("get_market_trends", 2, 0.04, 1.2),
            ("verify_title_deed", 1, 0.12, 3.5),
        ),
        ("chat", "search", "analysis"),
        (("anthropic", "claude-sonnet", 3_000_000, 15_000_000), ("anthropic", "claude-haiku", 800_000, 4_000_000)),
        ("/search", "/analyze", "/compare", "/trends", "/status", "/help"),
    ),
    Application(
        "helpdesk",
        "router",
        (("erp-agent", 4), ("crm-agent", 3), ("it-ops-agent", 2), ("oa-agent", 1)),
        (("query_orders", 5, 0.04, 0.4), ("find_customer", 4, 0.03, 0.3), ("restart_service", 1, 0.15, 4.0)),
        ("support",),
        (("local", "qwen2.5-14b", 50_000, 100_000),),
    ),
    Application(
        "shop",
        "assistant",
        (("booking-agent", 1), ("advice-agent", 2)),
        (("search_catalogue", 6, 0.02, 0.5), ("reserve", 1, 0.2, 1.5)),
        ("chat", "valuation"),
        (("openai", "gpt-4o", 2_500_000, 10_000_000),),
        sells=True,
    ),
)

_PRICE_VERSION = "2026-01-01"
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 9, 9, 9, 8, 8, 9, 10, 9, 7, 5, 3)
_TIERS = (None, "free", "basic", "pro")
_WORDS = (
    "what does the flat near the marina cost a year and how is that next to the tower on the hill when the market of"
    " this spring goes on as it did and the fees for cooling are counted in for two people who work at home"
).split()


@dataclass(slots=True)
class Person:
    """A user, and what is known of them so far."""

    application: Application
    user_id: str
    environment: str
    joined: int
    left: int
    tier: str | None
    first_seen: int = 0
    last_seen: int = 0
    tier_at: int = 0
    signed_up_at: int | None = None
    conversations: int = 0


class World:
    """All that happens in the `days` before `until` (microseconds since 1970), with exactly so many conversations."""

    def __init__(self, conversations: int, days: int, until: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._conversations, self._days = conversations, days
        self._start = until - days * DAY
        self._people = self._populate(max(10, conversations // 25))
        weights = [min(self._random.paretovariate(1.1), 150.0) for _ in self._people]
        self._weights = list(itertools.accumulate(weights))
        self._joined = [person.joined for person in self._people]
        self._questions = [self._words(8, 20) for _ in range(max(20, conversations // 500))]
        self._rows: Rows = {}

    def days(self) -> Iterator[Rows]:
        """The rows of each day, oldest first, conversations in the order of their start; then those of the users."""
        done = 0
        for day in range(self._days):
            self._rows = defaultdict(list)
            due = self._conversations * (day + 1) // self._days
            if day == 0:
                self._sign_ups(self._start - 60 * DAY, self._start, known=False)
            self._sign_ups(self._start + day * DAY, self._start + (day + 1) * DAY, known=True)
            while done < due:
                done += self._session(day, due - done)
            self._rows["audit.conversations"].sort(key=lambda row: str(row[1]))
            yield self._rows
        yield {"audit.users": [_user(person) for person in self._people if person.first_seen]}

    def _populate(self, count: int) -> list[Person]:
        draw, before = self._random, 60 * DAY
        joins = sorted(self._start - before + int(draw.random() * (before + self._days * DAY)) for _ in range(count))
        return [
            Person(
                application=draw.choices(APPLICATIONS, (5, 3, 2))[0],
                user_id=f"u{draw.getrandbits(64):016x}",
                environment="staging" if draw.random() < 0.03 else "production",
                joined=joined,
                left=joined + 7 * DAY + int(draw.expovariate(1 / 70) * DAY),
                tier=None,
            )
            for joined in joins
        ]

    def _sign_ups(self, start: int, end: int, known: bool) -> None:
        low, high = bisect.bisect_left(self._joined, start), bisect.bisect_left(self._joined, end)
        for person in self._people[low:high]:
            if person.application.commands:
                person.tier = "free"
            if known:
                person.signed_up_at = person.joined
                source = self._random.choice(("search", "friend", "campaign"))
                self._event(person, None, person.joined, "user.signup", source=source)

    def _session(self, day: int, most: int) -> int:
        draw = self._random
        end = self._start + day * DAY + draw.choices(range(24), _HOURS)[0] * 3600 * SECOND
        end += int(draw.random() * 3600) * SECOND - 90 * SECOND
        person = self._someone(end - 3600 * SECOND)
        messages = min(most, 12, 1 + int(draw.expovariate(0.6)))
        gaps = [int((20 + draw.expovariate(1 / 60)) * SECOND) for _ in range(messages)]
        time = max(end - sum(gaps), person.joined + SECOND)
        session = f"s{draw.getrandbits(64):016x}"
        self._event(person, session, time - SECOND, "session.start")
        agents: set[str] = set()
        specialist = None
        first = time
        for gap in gaps:
            specialist = self._specialist(person, specialist)
            self._conversation(person, session, time, specialist)
            agents.update(name for name in (person.application.agent, specialist) if name)
            last, time = time, time + gap
        self._rows["audit.sessions"].append(
            (person.application.name, session, person.user_id, _at(first), _at(first - SECOND), _at(last))
            + (person.tier, _at(last) if person.tier else None, messages, _array(sorted(agents)))
        )
        return messages

    def _someone(self, time: int) -> Person:
        here = max(1, bisect.bisect_left(self._joined, time))
        for _ in range(8):
            pick = bisect.bisect_left(self._weights, self._random.random() * self._weights[here - 1])
            if self._people[pick].left > time:
                break
        return self._people[pick]

    def _specialist(self, person: Person, before: str | None) -> str | None:
        specialists = person.application.specialists
        if not specialists or (before and self._random.random() < 0.85):
            return before
        return self._random.choices([name for name, _ in specialists], [weight for _, weight in specialists])[0]

    def _conversation(self, person: Person, session: str, start: int, specialist: str | None) -> None:
        draw, application = self._random, person.application
        trace, root = f"{draw.getrandbits(128):032x}", f"{draw.getrandbits(64):016x}"
        latency = int((0.8 + draw.lognormvariate(1.0, 0.7)) * SECOND)
        error = "TimeoutError" if draw.random() < 0.03 else None
        feature = draw.choice(application.features)
        tags = (application.name, person.environment)
        whose = (session, person.user_id, person.tier, feature)
        outcome = ("error" if error else "ok", error, None)
        self._seen(person, start, conversation=True)
        self._product_events(person, session, start)
        route = [application.agent, *([specialist] if specialist else [])]
        runs = self._rows["audit.runs"]
        for depth, agent in enumerate(route):
            span, parent = (f"{draw.getrandbits(64):016x}", root) if depth else (root, None)
            begin, took = start + depth * 300_000, max(latency - depth * 350_000, 1000)
            runs.append((_at(begin), trace, span, parent, *tags, agent, *whose, took, *outcome, "invoke_agent", _at(begin)))
        calls, tokens, cost, models = self._model_calls(trace, root, start, latency, tags, route[-1], whose)
        tools, failed = self._tool_calls(trace, root, start, latency, tags, route[-1], whose, application)
        rating, score = self._vote(person, session, trace, start + latency)
        confidence = round(draw.uniform(0.4, 1), 3) if draw.random() < 0.2 else None
        if confidence is not None:
            self._score(person, session, trace, start + latency, confidence)
        known = draw.random() < 0.3
        pick = int(len(self._questions) * draw.random() ** 3)
        question = self._questions[pick] if known else self._words(8, 20)
        digest = f"\\x{pick:064x}" if known else f"\\x{draw.getrandbits(256) | 1 << 255:064x}"
        self._rows["content.texts"].append((_at(start), trace, root, question, None if error else self._words(30, 80), error))
        state = {"leading": [3, start, root], "asked": [start, root], "replied": [start + latency, root]}
        self._rows["audit.conversations"].append(
            (trace, _at(start), _at(start + latency), _at(start + latency), _at(start + latency), *tags)
            + (application.agent, _array(route), *whose, *outcome[:2], latency, min(latency, 400_000 + latency // 5))
            + (len(route), calls, tools, failed, *tokens, _usd(cost), _PRICE_VERSION, _array(models), confidence)
            + (rating, score, digest, _at(start), root, _at(start), root, json.dumps(state))
        )

    def _model_calls(
        self, trace: str, root: str, start: int, latency: int, tags: tuple[Any, ...], agent: str, whose: tuple[Any, ...]
    ) -> tuple[int, tuple[int, int], int, list[str]]:
        """How many, their tokens (in, out), their cost in pico-USD, their models."""
        draw = self._random
        application = next(each for each in APPLICATIONS if each.name == tags[0])
        provider, model, price_in, price_out = draw.choice(application.models)
        calls = 1 + (draw.random() < 0.6)
        total_in = total_out = total_cost = 0
        for number in range(calls):
            tokens_in, tokens_out = 300 + int(draw.expovariate(1 / 900)), 30 + int(draw.expovariate(1 / 180))
            cost = tokens_in * price_in + tokens_out * price_out
            begin, took = start + 400_000 + number * latency // 2, max(latency // 2 - 450_000, 1000)
            self._rows["audit.model_calls"].append(
                (_at(begin), trace, f"{draw.getrandbits(64):016x}", root, *tags, agent, *whose, took, "ok", None, None)
                + ("chat", provider, model, model, tokens_in, tokens_out, None, None, None, latency // 5, _usd(cost))
                + ("priced", _PRICE_VERSION, "stop")
            )
            total_in, total_out, total_cost = total_in + tokens_in, total_out + tokens_out, total_cost + cost
        return calls, (total_in, total_out), total_cost, [model]

    def _tool_calls(
        self,
        *about: Any,
    ) -> tuple[int, int]:
        """How many, and how many of them failed."""
        trace, root, start, latency, tags, agent, whose, application = about
        draw = self._random
        count, failed = draw.choices((0, 1, 2, 3), (3, 4, 2, 1))[0], 0
        for number in range(count):
            tool, _, share, mean = draw.choices(application.tools, [weight for _, weight, _, _ in application.tools])[0]
            bad = draw.random() < share
            failed += bad
            begin, span = start + 500_000 + number * latency // 4, f"{draw.getrandbits(64):016x}"
            outcome = ("error", "UpstreamError") if bad else ("ok", None)
            took = int(draw.lognormvariate(0, 0.5) * mean * SECOND)
            self._rows["audit.tool_calls"].append(
                (_at(begin), trace, span, root, *tags, agent, *whose, took, *outcome, None, tool, f"call-{span}")
            )
            words = None if bad else self._words(10, 40)
            message = "upstream answered 503" if bad else None
            self._rows["content.texts"].append((_at(begin), trace, span, '{"query": "marina"}', words, message))
        return count, failed

    def _vote(self, person: Person, session: str, trace: str, time: int) -> tuple[str | None, int | None]:
        draw = self._random
        if draw.random() >= 1 / 12:
            return None, None
        rating, score = ("positive", 5) if draw.random() < 0.82 else ("negative", 2)
        uid, when = f"{draw.getrandbits(128):032x}", _at(time + 5 * SECOND)
        of = (person.application.name, person.environment, session, person.user_id)
        self._rows["audit.feedback"].append((when, uid, trace, *of, rating, score))
        if draw.random() < 0.2:
            self._rows["content.texts"].append((when, trace, uid, self._words(3, 12), None, None))
        return rating, score

    def _score(self, person: Person, session: str, trace: str, time: int, value: float) -> None:
        of = (person.application.name, person.environment, session, person.user_id)
        uid = f"{self._random.getrandbits(128):032x}"
        self._rows["audit.scores"].append((_at(time), uid, trace, *of, "confidence", value, None))

    def _product_events(self, person: Person, session: str, time: int) -> None:
        draw, application = self._random, person.application
        if application.commands and draw.random() < 0.4:
            self._event(person, session, time - 1000, "command.used", command=draw.choice(application.commands))
        if application.sells and draw.random() < 0.3:
            self._event(person, session, time, "property.search")
            if draw.random() < 0.1:
                done = "completed" if draw.random() < 0.8 else "failed"
                self._event(person, session, time + 60 * SECOND, "reservation", status=done)
        if person.tier in ("free", "basic") and draw.random() < (0.06 if person.tier == "free" else 0.01):
            self._event(person, session, time, "quota.hit")
            if draw.random() < 0.08:
                self._change_tier(person, session, time + 90 * SECOND, "upgraded", _TIERS.index(person.tier) + 1)
        elif person.tier in ("basic", "pro") and draw.random() < 0.002:
            self._change_tier(person, session, time + 90 * SECOND, "cancelled", 1)

    def _change_tier(self, person: Person, session: str, time: int, what: str, to: int) -> None:
        tiers = {"from_tier": str(person.tier), "to_tier": str(_TIERS[to])}
        self._event(person, session, time, f"subscription.{what}", **tiers)
        person.tier, person.tier_at = _TIERS[to], time

    def _event(self, person: Person, session: str | None, time: int, name: str, **attributes: str) -> None:
        self._seen(person, time)
        self._rows["audit.events"].append(
            (_at(time), f"{self._random.getrandbits(128):032x}", None, person.application.name, person.environment)
            + (session, person.user_id, person.tier, name, None, None, json.dumps(attributes))
        )

    def _seen(self, person: Person, time: int, conversation: bool = False) -> None:
        person.first_seen = min(person.first_seen or time, time)
        person.last_seen = max(person.last_seen, time)
        person.tier_at = max(person.tier_at, time)
        person.conversations += conversation

    def _words(self, least: int, most: int) -> str:
        start, count = self._random.randrange(len(_WORDS)), self._random.randint(least, most)
        return " ".join((_WORDS * 3)[start : start + count])


def _user(person: Person) -> tuple[Any, ...]:
    signed_up = _at(person.signed_up_at) if person.signed_up_at else None
    tier_at = _at(person.tier_at) if person.tier else None
    seen = (_at(person.first_seen), _at(person.last_seen))
    return (person.application.name, person.user_id, *seen, signed_up, person.tier, tier_at, person.conversations)


def _at(time: int) -> str:
    return datetime.fromtimestamp(time / SECOND, UTC).isoformat()


def _array(values: list[str]) -> str:
    return "{" + ",".join(values) + "}"


def _usd(pico: int) -> str:
    return f"{pico // records.PICO_PER_USD}.{pico % records.PICO_PER_USD:012d}"
