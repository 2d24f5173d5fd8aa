"""The users of Execora, and their actions: look at the books, speak, leave."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from examples.common.faults import Faults
from examples.common.visit import Visit

from .database import NAMES, SHOPS

MUMBLED = 0.04
"""Share of the incomprehensible commands, on an ordinary day."""
BROKEN_OFF = 0.5
"""Share of the connections that break off with the switch websocket_drops."""

How = Literal["normal", "going_away", "abnormal"]


@dataclass(frozen=True)
class Look:
    """A page that is opened."""

    path: str
    kind = "page"


@dataclass(frozen=True)
class Register:
    """A customer who is typed in."""

    name: str
    kind = "form"


@dataclass(frozen=True)
class Speak:
    """`vote`: the thumb for the answer."""

    text: str
    clear: bool = True
    vote: bool | None = None
    kind = "command"


@dataclass(frozen=True)
class Leave:
    """How the websocket ends; `abnormal` is a cable that is pulled."""

    how: How
    kind = "leave"


Step = Look | Register | Speak | Leave


def visits(draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
    """One for each moment."""
    for number, at in enumerate(moments):
        shop = f"shop-{draw.randrange(SHOPS):02d}"
        yield Visit(at, shop, f"execora-{int(at)}-{number}", None, tuple(_steps(draw, faults)), pause_s=1.5)


def _steps(draw: random.Random, faults: Faults) -> Iterator[Step]:
    yield Look("/api/summary")
    if draw.random() < 0.5:
        yield Look("/api/invoices")
    if draw.random() < 0.1:
        yield Register(_new_name(draw))
    for _ in range(draw.randint(1, 4)):
        yield _command(draw, faults)
    luck = draw.random()
    broken = faults("websocket_drops") and luck < BROKEN_OFF
    yield Leave("abnormal" if broken else "going_away" if luck > 0.8 else "normal")


def _command(draw: random.Random, faults: Faults) -> Speak:
    name, amount = draw.choice(NAMES), _amount(draw)
    method = "in cash" if amount < 2000 and draw.random() < 0.5 else "by UPI"
    texts = (
        f"Make an invoice of {amount} rupees for {name}",
        f"Change the last invoice of {name} to {amount} rupees",
        f"Send the last invoice of {name}",
        f"Cancel the last invoice of {name}",
        f"{name} pays {amount} rupees {method}",
        f"Add {_new_name(draw)} as a customer",
        f"The phone number of {name} is {draw.randint(70_000_00000, 99_999_99999)}",
        f"Find {name}",
        "What do I do about those who pay late?",
    )
    text = draw.choices(texts, (8, 2, 5, 1, 9, 2, 1, 3, 2))[0]
    clear = draw.random() >= (0.5 if faults("voice_errors") else MUMBLED)
    luck = draw.random()
    if faults("negative_feedback"):
        return Speak(text, clear, False if luck < 0.5 else None)
    return Speak(text, clear, luck < 0.13 if luck < 0.15 else None)


def _amount(draw: random.Random) -> int:
    """Rupees: half are below 3,000, one in a hundred is above 100,000."""
    return min(400_000, max(20, 10 * round(draw.lognormvariate(8.0, 1.5) / 10)))


def _new_name(draw: random.Random) -> str:
    first = draw.choice(("Indus", "Jaya", "Kaveri", "Lotus", "Malabar", "Narmada", "Om"))
    return f"{first} {draw.choice(('Traders', 'Textiles', 'Tools', 'Sweets'))}"
