"""The audit sink's gauges of the past: the numbers of active users and sessions."""

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence

from otelgate.names import METRIC_SESSION_ACTIVE, METRIC_USER_ACTIVE, OTELGATE_WINDOW, SESSION_ID, USER_ID

from .story import Point, Story

STEP_S = 300
WINDOWS = {"5m": 300, "1d": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
"""`otelgate.window`, and its seconds."""
_SESSION_S = 300


def points(story: Story, start: float, end: float) -> Iterator[Point]:
    """`otelgate.session.active` and `otelgate.user.active`, every five minutes."""
    seen = sorted(
        (at, own[USER_ID], own[SESSION_ID])
        for at, own in [
            *((span.start, span.attributes) for span in story.spans if span.parent_id is None),
            *((log.at, log.attributes) for log in story.logs if log.event),
        ]
        if USER_ID in own and SESSION_ID in own
    )
    moments = [start + STEP_S * number for number in range(int((end - start) // STEP_S) + 1)]
    sessions = _active([(at, session) for at, _, session in seen], _SESSION_S, moments)
    for at, number in zip(moments, sessions, strict=True):
        yield Point(at, METRIC_SESSION_ACTIVE, "{session}", "gauge", number, {})
    for window, seconds in WINDOWS.items():
        users = _active([(at, user) for at, user, _ in seen], seconds, moments)
        for at, number in zip(moments, users, strict=True):
            yield Point(at, METRIC_USER_ACTIVE, "{user}", "gauge", number, {OTELGATE_WINDOW: window})


def _active(seen: Sequence[tuple[float, str]], seconds: float, moments: Sequence[float]) -> Iterator[int]:
    """How many different ones were seen within so many seconds before each moment."""
    times, inside = [at for at, _ in seen], Counter[str]()
    first = last = 0
    for moment in moments:
        until, since = bisect.bisect_right(times, moment), bisect.bisect_right(times, moment - seconds)
        inside.update(who for _, who in seen[last:until])
        for _, who in seen[first:since]:
            inside[who] -= 1
            if not inside[who]:
                del inside[who]
        first, last = since, until
        yield len(inside)
