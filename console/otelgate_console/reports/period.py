"""The periods of reports: whole days, weeks from Monday, and months, in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

KINDS: Final = ("daily", "weekly", "monthly")


@dataclass(frozen=True)
class Period:
    """The range of a report: from `start` to before `end`, beside the period before it."""

    kind: str
    start: datetime
    end: datetime
    before: datetime

    @property
    def title(self) -> str:
        """For a heading and a subject."""
        last = self.end - timedelta(days=1)
        match self.kind:
            case "daily":
                return f"Daily report, {self.start:%Y-%m-%d}"
            case "weekly":
                return f"Weekly report, {self.start:%Y-%m-%d} to {last:%Y-%m-%d}"
        return f"Monthly report, {self.start:%B %Y}"

    @property
    def days(self) -> int:
        """Its length."""
        return (self.end - self.start).days


def last(kind: str, now: datetime) -> Period:
    """The last whole period before `now`. Raises ValueError for an unknown kind."""
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    match kind:
        case "daily":
            end, length = today, timedelta(days=1)
        case "weekly":
            end, length = today - timedelta(days=today.weekday()), timedelta(weeks=1)
        case "monthly":
            end = today.replace(day=1)
            start = _month_before(end)
            return Period(kind, start, end, _month_before(start))
        case _:
            raise ValueError(f"report {kind!r}: expected one of {', '.join(KINDS)}")
    return Period(kind, end - length, end, end - 2 * length)


def _month_before(first: datetime) -> datetime:
    return (first - timedelta(days=1)).replace(day=1)
