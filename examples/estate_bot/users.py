"""The bot's users: some new, some come back; a few steps in a row, an upgrade when a limit is in the way."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from examples.common.faults import Faults
from examples.common.visit import Visit

from .accounts import pseudonym
from .tools import AREAS, TOWERS

BURST = 0.5
"""Share of the visits that are one user's, with the switch query_burst."""
SUBSCRIBERS = 25
"""One in so many new users takes the plan without a limit immediately, so that every week has users of each tier."""
SOURCES = ("search", "friend", "campaign", "channel")


@dataclass(frozen=True)
class Say:
    """A message to the bot. `vote`: the thumb for its answer; `subscribe`: what a limit would make this user do."""

    text: str
    vote: bool | None = None
    subscribe: bool = False

    @property
    def kind(self) -> str:
        word = self.text.partition(" ")[0]
        return word if word.startswith("/") else "question"


_PLAN = (Say("/subscribe"), Say("/subscribe"))
_ANALYSES = tuple(Say(f"/analyze {tower}, {area}") for tower, area in list(TOWERS.items())[:2])


@dataclass
class Person:
    """`keen`: how many questions in a visit, on average."""

    telegram_id: int
    keen: float
    spends: bool

    @property
    def user_id(self) -> str:
        return pseudonym(self.telegram_id)


def visits(draw: random.Random, moments: Iterator[float], faults: Faults, *, new: float = 0.3) -> Iterator[Visit]:
    """A visit for each moment. `new`: the share of first visits, once there are people to come back."""
    people: list[Person] = []
    for number, at in enumerate(moments):
        if faults("query_burst") and people and draw.random() < BURST:
            yield _visit(people[0], at, number, _burst(draw), pause_s=0.0)
        elif not people or draw.random() < new:
            people.append(Person(draw.getrandbits(40), draw.uniform(1.0, 4.0), draw.random() < 0.45))
            steps = tuple(_first_steps(draw, people[-1], faults))
            if len(people) % SUBSCRIBERS == 0:
                steps = (steps[0], *_PLAN, *_ANALYSES, *steps[1:])
            yield _visit(people[-1], at, number, steps)
        else:
            # The latest users return most often: earlier ones drift away.
            back = min(int(draw.expovariate(1 / 25)), len(people) - 1)
            person = people[-1 - back]
            yield _visit(person, at, number, tuple(_steps(draw, person, faults)))


def _visit(person: Person, at: float, number: int, steps: tuple[Say, ...], pause_s: float = 1.5) -> Visit:
    # The tier is None: the application knows it, its users don't say it.
    return Visit(at, str(person.telegram_id), f"visit-{number}", None, steps, pause_s)


def _burst(draw: random.Random) -> tuple[Say, ...]:
    """Sixty short questions of one who has the plan without a limit."""
    questions = (Say(f"How do I buy flat {draw.randrange(1000)} in JVC from abroad?") for _ in range(60))
    return (*_PLAN, *questions)


def _first_steps(draw: random.Random, person: Person, faults: Faults) -> Iterator[Say]:
    yield Say(f"/start {draw.choice(SOURCES)}")
    if draw.random() < 0.3:
        yield Say("/help")
    if draw.random() < 0.9:  # the others never ask anything
        yield from _steps(draw, person, faults)


def _steps(draw: random.Random, person: Person, faults: Faults) -> Iterator[Say]:
    for _ in range(1 + int(draw.expovariate(1 / person.keen))):
        said = _question(draw, faults)
        yield Say(said.text, said.vote, person.spends and draw.random() < 0.4)
    if draw.random() < 0.08:
        yield Say("/status")
    if draw.random() < 0.02:
        yield Say("/subscribe")


def _question(draw: random.Random, faults: Faults) -> Say:
    area, tower = draw.choice(list(AREAS)), draw.choice(list(TOWERS))
    other = draw.choice([name for name in TOWERS if name != tower])
    rooms, budget = draw.randint(1, 3), draw.randint(8, 40) * 100_000
    texts = (
        f"/search {rooms} bedroom in {area} below AED {budget}",
        f"/analyze {tower}, {TOWERS[tower]}" + draw.choice(("", "", " with its title deed")),
        f"/compare {tower} vs {other}",
        f"/trends {area}",
        f"What does cooling cost in {tower}?",
        f"Is a flat in {area} enough for a golden visa?",
        f"How do I buy a flat in {area} from abroad?",
    )
    text = draw.choices(texts, (8, 5, 2, 3, 2, 1, 2))[0]
    luck = draw.random()
    if faults("negative_feedback"):
        return Say(text, False if luck < 0.5 else None)
    return Say(text, luck < 0.12 * 0.85 if luck < 0.12 else None)
