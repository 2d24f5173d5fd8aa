"""The office: a handful of people at a time, each in one session for two hours and mostly with one department."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

from examples.common.faults import Faults
from examples.common.visit import Visit

from .departments import DEPARTMENTS

SEATS, BUSY_SEATS, FLOOD_SEATS = 6, 10, 20
PEOPLE = 4
"""The users who share a seat, one after the other."""
SESSION_S = 7200.0
_OTHER, _UNCLEAR = 0.03, 0.015


@dataclass(frozen=True)
class Ask:
    """A question, and the thumb that its answer gets. `opens`: the first of its session."""

    text: str
    vote: bool | None = None
    comment: str | None = None
    opens: bool = False


def visits(draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
    """A visit for each moment, from one of the seats."""
    opened: dict[str, None] = {}
    for at in moments:
        seats = FLOOD_SEATS if faults("session_flood") else BUSY_SEATS if faults("busy_office") else SEATS
        user, session, home = person(draw.randrange(seats), at)
        steps = list(_questions(draw, home, faults))
        if session not in opened:
            opened[session] = None
            steps[0] = Ask(steps[0].text, steps[0].vote, steps[0].comment, opens=True)
        if len(opened) > 1000:
            opened.pop(next(iter(opened)))
        yield Visit(at, user, session, None, tuple(steps), pause_s=1.0)


def person(seat: int, at: float) -> tuple[str, str, str]:
    """The user at that time, the session, and their usual department."""
    # The seats change one after the other, so that few sessions overlap.
    block = int((at + seat % SEATS * SESSION_S / SEATS) // SESSION_S)
    user = f"u-{_opaque(f'{seat} {block % PEOPLE}')}"
    home = list(DEPARTMENTS)[(seat + block) % len(DEPARTMENTS)]
    return user, f"s-{_opaque(f'{user} {block}')}", home


def _opaque(text: str) -> str:
    return hashlib.sha256(f"bestbox {text}".encode()).hexdigest()[:12]


def _questions(draw: random.Random, home: str, faults: Faults) -> Iterator[Ask]:
    for _ in range(draw.choice((1, 1, 2, 2, 3))):
        luck = draw.random()
        if luck < _OTHER:
            yield _asked(draw, draw.choice([name for name in DEPARTMENTS if name != home]), faults)
        elif luck < _OTHER + _UNCLEAR and home == "it_ops":
            # The router hears of an invoice, and asks the wrong department; the user says it again.
            yield Ask("The printer does not print this invoice.", False if draw.random() < 0.3 else None)
            yield Ask("I mean the printer, is the server alpha alive?")
        else:
            yield _asked(draw, home, faults)


def _asked(draw: random.Random, department: str, faults: Faults) -> Ask:
    company, place = draw.choice(_COMPANIES), draw.choice(_SYSTEMS)
    texts = {
        "erp": (
            f"Is invoice {draw.randint(4000, 4099)} paid?",
            f"How many {draw.choice(_ARTICLES)} are in the warehouse?",
            f"What did we spend on {draw.choice(_COSTS)}, and is invoice {draw.randint(4000, 4099)} paid?",
            "How do I approve a purchase order?",
            "What is the rule for a new supplier from abroad?",
        ),
        "crm": (
            f"Who is our contact at {company}?",
            f"Which deals are open with {company}, and who is the contact at {company}?",
            f"The customer {company} wants a visit, please note it.",
            "May I give a customer a discount?",
            "How do I write down a customer twice?",
        ),
        "it_ops": (
            f"Is the server {place} healthy?",
            f"Please look at the logs of {place}.",
            f"Look at the logs of {place}, then restart the {place} and tell me if the server {place} is fine.",
            "How do I set up the VPN on a laptop?",
            "How do I reset the password of a laptop that I lost?",
        ),
        "oa": (
            f"Book a room for {draw.randint(3, 14)} people.",
            "How many days of leave are left to me this year?",
            f"Draft a letter to {company} about the delay.",
            "How do I claim travel expenses?",
            "May I bring a dog to the room on the third floor?",
        ),
    }[department]
    text = draw.choices(texts, (4, 3, 2, 2, 1))[0]
    luck = draw.random()
    if faults("negative_feedback"):
        return Ask(text, False if luck < 0.5 else None)
    if luck >= 0.18:
        return Ask(text)
    good = luck < 0.18 * 0.86
    return Ask(text, good, None if good or draw.random() < 0.5 else "That was not what I asked for.")


_COMPANIES = ("Aldermoor", "Brightwater", "Calloway", "Dunmore", "Eastgate", "Fernhill")
_ARTICLES = ("pumps", "valves", "gaskets", "motors", "bearings")
_COSTS = ("freight", "packaging", "energy", "travel")
_SYSTEMS = ("alpha", "beta", "gamma", "delta")
