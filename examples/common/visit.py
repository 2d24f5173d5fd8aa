"""One user's visit, as the traffic acts it out and the history tells it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Visit:
    """The steps of one user in a row. `at`: Unix seconds; `steps` mean something to the example alone."""

    at: float
    user: str
    session: str
    tier: str | None
    steps: tuple[Any, ...]
    pause_s: float = 1.0
    """Between two steps."""
