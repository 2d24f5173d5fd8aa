"""The visitors of Osool, and their actions: search, chat, reserve, trade."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from examples.common.faults import Faults
from examples.common.visit import Visit

from .database import AREAS, POOLS
from .market import Side
from .outside import DECLINED_CARD, GOOD_CARD

PEOPLE = 400
DECLINED = 0.1
"""Share of the reservations that the bank declines, on an ordinary day. An alert is due above 0.2."""
HOMES = len(AREAS) * 4 * 5


@dataclass(frozen=True)
class Begin:
    kind = "session"


@dataclass(frozen=True)
class Search:
    area: str
    bedrooms: int
    below_egp: int
    kind = "search"


@dataclass(frozen=True)
class Chat:
    """`vote`: the thumb for the answer."""

    text: str
    vote: bool | None = None
    kind = "chat"

    @property
    def feature(self) -> str:
        first = self.text.partition(" ")[0]
        return {"Find": "search", "What": "valuation"}.get(first, "advice")


@dataclass(frozen=True)
class Reserve:
    property_id: int
    card: str
    kind = "reservation"


@dataclass(frozen=True)
class Trade:
    pool_id: str
    side: Side
    amount_egp: int
    kind = "trade"


Step = Begin | Search | Chat | Reserve | Trade


def visits(draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
    """One for each moment. Searches are many, a third of the visits reserves or trades."""
    for number, at in enumerate(moments):
        user = f"u-{draw.randrange(PEOPLE):04d}"
        session = f"osool-{int(at)}-{number}"
        yield Visit(at, user, session, None, tuple(_steps(draw, faults)), pause_s=1.2)


def _steps(draw: random.Random, faults: Faults) -> Iterator[Step]:
    yield Begin()
    for _ in range(draw.randint(1, 3)):
        yield Search(*_wish(draw))
    for _ in range(draw.choices((0, 1, 2, 3), (3, 5, 3, 1))[0]):
        yield _question(draw, faults)
    if draw.random() < 0.35 and not faults("no_reservations"):
        card = DECLINED_CARD if draw.random() < DECLINED else GOOD_CARD
        yield Reserve(draw.randint(1, HOMES), card)
    if draw.random() < 0.3:
        for _ in range(draw.randint(1, 3)):
            pool_id = draw.choice(list(POOLS))
            side: Side = "buy" if draw.random() < 0.55 else "sell"
            yield Trade(pool_id, side, draw.randint(2, 60) * 10_000)


def _wish(draw: random.Random) -> tuple[str, int, int]:
    """An area, bedrooms, and a price in EGP that some homes there are below."""
    area, bedrooms = draw.choice(list(AREAS)), draw.randint(1, 4)
    usual = (45 + 35 * bedrooms) * AREAS[area]
    return area, bedrooms, int(usual * draw.choice((0.95, 1.0, 1.1))) // 100_000 * 100_000


def _question(draw: random.Random, faults: Faults) -> Chat:
    area, bedrooms, below = _wish(draw)
    texts = (
        f"Find {bedrooms} bedrooms in {area} below {below}",
        f"What are {bedrooms} bedrooms in {area} worth?",
        f"How do I pay for a home in {area}?",
    )
    text = draw.choices(texts, (5, 3, 2))[0]
    luck = draw.random()
    if faults("negative_feedback"):
        return Chat(text, False if luck < 0.5 else None)
    return Chat(text, luck < 0.17 if luck < 0.2 else None)
