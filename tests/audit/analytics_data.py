"""A small world, made by hand, whose numbers can be worked out on paper. Each topic has a service of its own.

2024-01-01 is a Monday. Data that the views count back from now (service `live`) is relative to the time of the test.
"""

import itertools
import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from otelgate_audit.model.records import Event, Feedback, ModelCall, Run, Text, ToolCall
from turn_data import filling
from turn_data.world import Item

S = 1_000_000
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86_400 * S
FIRST_WEEKS = "from_time => '2024-01-01Z', to_time => '2024-01-22Z', services => '{bot}'"
"""Arguments: the three weeks of `_bot`."""

Rows = list[tuple[Any, ...]]
_numbers = itertools.count(1)


def at(text: str) -> int:
    """Microseconds of a time in 2024, as in `01-31 12:00`."""
    return int(datetime.strptime(f"2024-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()) * S


def talk(
    service: str,
    start: int,
    user: str | None = None,
    *,
    session: str | None = None,
    agents: tuple[str, ...] = ("a",),
    tier: str | None = None,
    feature: str | None = None,
    seconds: float = 1,
    error: str | None = None,
    cost: float | None = None,
    model: str = "m1",
    tools: tuple[tuple[Any, ...], ...] = (),
    votes: tuple[str, ...] = (),
    question: str | None = None,
    trace: str | None = None,
) -> list[Item]:
    """One turn: agents that call each other, tools (name, milliseconds, error), votes a minute apart."""
    trace = trace or f"{next(_numbers):032x}"
    of, whose = (service, "prod"), (session, user, tier, feature)
    duration = int(seconds * S)
    outcome = (duration, "error" if error else "ok", False, error, None)
    items: list[Item] = []
    for depth, agent in enumerate(agents):
        span = f"{depth + 1:016x}"
        head = (start + depth * 1000, trace, span, None if depth == 0 else f"{1:016x}", *of, agent, *whose)
        words = Text(start, trace, span, question, f"reply to {question}", None) if question and not depth else None
        items.append((Run._make((*head, *outcome, "invoke_agent", start)), words))
    if cost is not None:
        head = (start + 10, trace, "c" * 16, f"{1:016x}", *of, agents[0], *whose)
        tokens = ("chat", "p", model, model, 100, 10, None, None, None, None)
        items.append(
            (
                ModelCall._make(
                    (*head, 1000, "ok", False, None, None, *tokens, round(cost * 1e12), "priced", "v1", "stop", None)
                ),
                None,
            )
        )
    for number, (tool, milliseconds, *failed) in enumerate(tools):
        span = f"{100 + number:016x}"
        head = (start + 20 + number, trace, span, f"{1:016x}", *of, agents[-1], *whose)
        done = (int(milliseconds * 1000), "error" if failed else "ok", False, *(failed or [None]), None, tool, None)
        items.append((ToolCall._make((*head, *done)), Text(start + 20 + number, trace, span, "{}", "done", None)))
    for number, rating in enumerate(votes):
        voted, uid = start + duration + (number + 1) * MINUTE, f"{next(_numbers):032x}"
        vote = Feedback(voted, uid, trace, *of, session, user, rating, 5 if rating == "positive" else 1)
        items.append((vote, Text(voted, trace, uid, f"it is {rating}", None, None)))
    return items


def event(
    service: str, start: int, user: str, name: str, *, session: str | None = None, tier: str | None = None, **more: str
) -> Item:
    uid = f"{next(_numbers):032x}"
    return Event(start, uid, None, service, "prod", session, user, tier, name, None, None, json.dumps(more)), None


def read(world: psycopg.Connection[Any], query: str, *parameters: Any) -> Rows:
    """The rows, with numerics as floats."""
    rows = world.execute(query, parameters or None).fetchall()
    return [tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in rows]


def load(connection: psycopg.Connection[Any]) -> None:
    """Store the whole world."""
    parts = [_bot(), _cost(), _quality(), _route(), _journey(), _shop(), _live()]
    filling.write(
        connection, [talk for talks, _ in parts for talk in talks], [e for _, events in parts for e in events]
    )
    connection.execute("INSERT INTO audit.tiers VALUES ('live', 'free', 0), ('live', 'pro', 20), ('live', 'max', 50)")
    connection.commit()


World = tuple[list[list[Item]], list[Item]]


def _bot() -> World:
    """Weeks of 1, 8 and 15 January: ann comes back each week, bob until the second; cat only signs up."""
    talks = [
        talk("bot", at("01-01 10:00"), "ann", tier="free"),
        talk("bot", at("01-09 10:00"), "ann", tier="pro"),
        talk("bot", at("01-16 10:00"), "ann", tier="pro"),
        talk("bot", at("01-01 13:00"), "bob", tier="free"),
        talk("bot", at("01-10 10:00"), "bob", tier="free"),
        talk("bot", at("01-08 10:00"), "dan"),
        talk("other", at("01-02 09:00"), "zoe"),
    ]
    events = [
        event("bot", at("01-01 09:00"), "ann", "user.signup", source="search"),
        event("bot", at("01-02 10:00"), "ann", "quota.hit", tier="free"),
        event("bot", at("01-02 11:00"), "ann", "subscription.upgraded", from_tier="free", to_tier="pro"),
        event("bot", at("01-01 12:00"), "bob", "user.signup", source="friend"),
        event("bot", at("01-03 09:00"), "bob", "quota.hit", tier="free"),
        event("bot", at("01-04 09:00"), "bob", "quota.hit", tier="free"),
        event("bot", at("01-08 08:00"), "cat", "user.signup", source="search"),
        event("bot", at("01-08 09:00"), "cat", "user.signup", source="friend"),
        event("bot", at("01-01 10:00"), "ann", "command.used", command="/search"),
        event("bot", at("01-01 13:00"), "bob", "command.used", command="/search"),
        event("bot", at("01-01 14:00"), "bob", "command.used", command="/search"),
        event("bot", at("01-02 08:00"), "bob", "command.used", command="/help"),
        # zoe hits the limit before she asks.
        event("other", at("01-02 08:00"), "zoe", "user.signup"),
        event("other", at("01-02 08:30"), "zoe", "quota.hit"),
    ]
    return talks, events


def _cost() -> World:
    first = talk(
        "cost", at("02-01 10:00"), "u1", feature="search", cost=0.1, tools=(("x", 1), ("y", 1)), trace="1" * 32
    )
    second = talk("cost", at("02-01 11:00"), "u2", cost=0.3, tools=(("x", 1), ("x", 1), ("y", 1)), trace="2" * 32)
    third = talk("cost", at("02-01 12:00"), "u1", agents=("b",), feature="chat", cost=0.6, model="m2", trace="3" * 32)
    call = next(record for record, _ in third if isinstance(record, ModelCall))
    unpriced = call._replace(span_id="d" * 16, cost_pico=None)
    seen_twice = call._replace(span_id="e" * 16, duplicate_of=call.span_id)
    return [first, second, [*third, (unpriced, None), (seen_twice, None)]], []


def _quality() -> World:
    """4 March: u1 in s1 is with agent a, u2 in s2 with b; the same question three times."""
    a, b = {"session": "s1"}, {"session": "s2", "agents": ("b",), "tools": (("u", 50),)}
    slow = (("t", 3000, "Timeout"),)
    day = [("quality", at(f"03-04 10:{minute}0"), user) for minute, user in enumerate(("u1", "u1", "u2", "u2"))]
    talks = [
        talk(*day[0], **a, votes=("positive",), question="Same?", tools=(("t", 100),)),
        talk(*day[1], **a, votes=("negative",), question="same", seconds=2, tools=slow, trace="b" * 32),
        talk(*day[2], **b, question="another", seconds=3, error="Refused"),
        talk(*day[3], **b, votes=("positive", "negative"), question="SAME", seconds=4),
    ]
    return talks, []


def _route() -> World:
    """5 March, a Tuesday: p stays with erp, is moved to crm; another session has an error, then an hour of silence."""

    def routed(time: str, session: str, *agents: str, user: str = "p", error: str | None = None) -> list[Item]:
        return talk("route", at(f"03-05 {time}"), user, session=session, agents=("router", *agents), error=error)

    talks = [
        routed("10:00", "r1", "erp"),
        routed("10:05", "r1", "erp"),
        routed("10:10", "r1", "crm"),
        routed("10:02", "r2", "crm", error="Refused"),
        routed("11:00", "r2", "crm"),
        routed("11:30", "r3", user="q"),
    ]
    return talks, []


def _journey() -> World:
    talks = [
        talk("journey", at("03-06 10:01"), "v", session="j1"),
        talk("journey", at("03-06 10:02"), "v", session="j1"),
        talk("journey", at("03-06 10:01"), "w", session="j2"),
    ]
    events = [
        event("journey", at("03-06 10:00"), "v", "session.start", session="j1"),
        event("journey", at("03-06 10:00"), "w", "session.start", session="j2"),
    ]
    return talks, events


def _shop() -> World:
    """b1 searches twice and buys, b2 searches and fails to, b3 only looks in."""
    times = iter(range(at("04-02 10:00"), at("04-02 11:00"), MINUTE))
    events = [event("shop", next(times), user, "session.start") for user in ("b1", "b2", "b3")]
    events += [event("shop", next(times), user, "property.search") for user in ("b1", "b1", "b2")]
    events += [
        event("shop", next(times), "b1", "reservation", status="completed"),
        event("shop", next(times), "b2", "reservation", status="failed"),
    ]
    return [], events


def _live() -> World:
    """Subscribers, and how lately they were seen. A turn costs a cent."""
    now = int(time.time()) * S

    def said(user: str, days: float, tier: str | None = None) -> list[Item]:
        return talk("live", now - int(days * DAY) - MINUTE, user, session=f"{user}-{days}", tier=tier, cost=0.01)

    talks = [
        said("new", 0, "pro"),
        said("dormant", 25, "free"),
        said("dormant", 10, "max"),
        said("casual", 26, "pro"),
        said("casual", 5, "free"),
        said("lost", 40, "free"),
        *[said("regular", days) for days in (9, 1, 1.1, 1.2, 1.3, 1.4)],
        *[said("power", days / 10) for days in (90, *range(10, 45))],
        talk("young", now - 2 * DAY, "y", cost=0.1),
        talk("young", now - DAY, "y", cost=0.1),
    ]
    changes = (
        ("dormant", 20, "upgraded", "free", "pro"),
        ("dormant", 10, "upgraded", "pro", "max"),
        ("casual", 5, "cancelled", "pro", "free"),
    )
    events = [
        event("live", now - days * DAY, user, f"subscription.{what}", tier=to, from_tier=before, to_tier=to)
        for user, days, what, before, to in changes
    ]
    return talks, events
