"""Time as in records, whole microseconds since 1970 (UTC), and its conversion for Python, PostgreSQL and readers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US: Final = 86_400_000_000
PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01: PostgreSQL's binary timestamps count from there."""

_US: Final = timedelta(microseconds=1)


def now_us() -> int:
    return time.time_ns() // 1000


def to_us(moment: datetime) -> int:
    return (moment - EPOCH) // _US


def from_us(time_us: int) -> datetime:
    """Raises OverflowError if it is outside of datetime's range."""
    return EPOCH + timedelta(microseconds=time_us)


def length_us(length: timedelta) -> int:
    return length // _US


def iso(time_us: int) -> str:
    """ISO 8601 with as many digits as needed, in UTC. Raises OverflowError."""
    return from_us(time_us).isoformat().replace("+00:00", "Z")


def parameter(time_us: int) -> str:
    """As the parameter of a statement; infinity outside of datetime's range."""
    try:
        return from_us(time_us).isoformat()
    except OverflowError:
        return "infinity" if time_us > 0 else "-infinity"


def bounds(from_us: int | None, to_us: int | None) -> tuple[str, str]:
    """Both ends of a range as `parameter`; None for an open end."""
    return "-infinity" if from_us is None else parameter(from_us), "infinity" if to_us is None else parameter(to_us)


def parse(text: str) -> datetime:
    """An ISO 8601 date or time, in UTC unless it has an offset. Raises ValueError, OverflowError."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
