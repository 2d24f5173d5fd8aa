"""A transaction's changes to audit.users and audit.sessions, added up and written with one statement each.

Every column is a minimum, a maximum, a set or a count, so that the order of arrival makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psycopg

from ..model.records import Event, ModelCall, Record, Run, ToolCall

SIGNUP: Final = "user.signup"
"""The product event whose first time is a user's `signed_up_at`."""
MAX_AGENTS: Final = 64
"""Agents on a session: the first by name."""

Belongs = tuple[str, str | None, str | None]
"""Service, user id and session id of a turn."""


@dataclass(slots=True)
class _Seen:
    first_seen: int | None = None
    last_seen: int | None = None
    turns: int = 0
    started_at: int | None = None
    tier: str | None = None
    tier_at: int | None = None
    signed_up_at: int | None = None
    user_id: str | None = None
    user_at: int | None = None
    agents: set[str] = field(default_factory=set)

    def at(self, time: int) -> None:
        if self.first_seen is None or time < self.first_seen:
            self.first_seen = time
        if self.last_seen is None or time > self.last_seen:
            self.last_seen = time

    def with_tier(self, tier: str, time: int) -> None:
        """The newest wins; at the same time, the last by name."""
        if self.tier is None or self.tier_at is None or (time, tier) > (self.tier_at, self.tier):
            self.tier, self.tier_at = tier, time

    def of_user(self, user: str, time: int) -> None:
        """The earliest wins; at the same time, the first by name."""
        if self.user_id is None or self.user_at is None or (time, user) < (self.user_at, self.user_id):
            self.user_id, self.user_at = user, time


class People:
    """Collects the changes from new records; `write` applies them to the tables."""

    def __init__(self) -> None:
        self._users: dict[tuple[str, str], _Seen] = {}
        self._sessions: dict[tuple[str, str], _Seen] = {}

    def saw(self, record: Record) -> None:
        """One new record."""
        user, session = record.user_id, record.session_id
        if user is None and session is None:
            return
        time, service = record.start_time, record.service
        kind = type(record)
        tier = record.tier if isinstance(record, Run | ModelCall | ToolCall | Event) else None
        if user is not None:
            seen = _seen(self._users, service, user, time)
            if tier is not None:
                seen.with_tier(tier, time)
            if isinstance(record, Event) and record.name == SIGNUP:
                seen.signed_up_at = min(time, seen.signed_up_at or time)
        if session is not None:
            seen = _seen(self._sessions, service, session, time)
            if tier is not None:
                seen.with_tier(tier, time)
            if user is not None:
                seen.of_user(user, time)
            if kind is Run or kind is ModelCall or kind is ToolCall:
                agent = record.agent  # type: ignore[union-attr]
                if agent is not None:
                    seen.agents.add(agent)

    def moved(self, before: Belongs | None, after: Belongs, time: int) -> None:
        """A turn's row was created (`before` is None) or changed.

        `time`, its start, is for a user who is unknown in the turn's service: the records that named them
        belong to another service.
        """
        if before == after:
            return
        for belongs, number in ((before, -1), (after, 1)):
            if belongs is None:
                continue
            service, user, session = belongs
            if user is not None:
                _count(self._users, service, user, number, time)
            if session is not None:
                _count(self._sessions, service, session, number, time)

    def write(self, cursor: psycopg.Cursor[Any]) -> None:
        for people, write, count in ((self._users, _USERS, _COUNT_USERS), (self._sessions, _SESSIONS, _COUNT_SESSIONS)):
            seen = {key: each for key, each in people.items() if each.first_seen is not None}
            if seen:
                cursor.execute(write, [_rows(seen)])
            if len(seen) < len(people):
                cursor.execute(count, [_rows({key: each for key, each in people.items() if key not in seen})])


def _seen(people: dict[tuple[str, str], _Seen], service: str, identity: str, time: int) -> _Seen:
    key = (service, identity)
    seen = people.get(key)
    if seen is None:
        people[key] = _Seen(time, time)
        return people[key]
    seen.at(time)
    return seen


def _count(people: dict[tuple[str, str], _Seen], service: str, identity: str, number: int, time: int) -> None:
    seen = people.get((service, identity))
    if seen is None:
        seen = people[service, identity] = _Seen()
    seen.turns += number
    seen.started_at = time


def _rows(people: dict[tuple[str, str], _Seen]) -> str:
    return orjson.dumps(list(_as_json(people))).decode()


def _as_json(people: dict[tuple[str, str], _Seen]) -> Iterable[dict[str, Any]]:
    # In one order, so that rows created together are adjacent in the index.
    for (service, identity), seen in sorted(people.items()):
        yield {
            "service": service,
            "id": identity,
            "first_seen": seen.first_seen,
            "last_seen": seen.last_seen,
            "turns": seen.turns,
            "started_at": seen.started_at,
            "tier": seen.tier,
            "tier_at": seen.tier_at,
            "signed_up_at": seen.signed_up_at,
            "user_id": seen.user_id,
            "user_at": seen.user_at,
            "agents": sorted(seen.agents)[:MAX_AGENTS],
        }


# to_timestamp takes a double, which holds a microsecond of these centuries once it is rounded to one. Names are
# compared as in Python. ON CONFLICT looks up by the primary key, but a MERGE would join: on a new table without
# statistics, by any index.
_NEW: Final = """
    SELECT service, id, to_timestamp(first_seen / 1e6) AS first_seen, to_timestamp(last_seen / 1e6) AS last_seen,
        to_timestamp(started_at / 1e6) AS started_at, to_timestamp(signed_up_at / 1e6) AS signed_up_at, user_id,
        to_timestamp(user_at / 1e6) AS user_at, tier, to_timestamp(tier_at / 1e6) AS tier_at, turns, agents
    FROM json_to_recordset(%s) AS given (service text, id text, first_seen float8, last_seen float8,
        started_at float8, signed_up_at float8, user_id text, user_at float8, tier text, tier_at float8,
        turns bigint, agents text[])
"""

_SHARED: Final = """
    first_seen = least(old.first_seen, excluded.first_seen),
    last_seen = greatest(old.last_seen, excluded.last_seen),
    tier = CASE WHEN old.tier_at IS NULL
            OR (excluded.tier_at, excluded.tier COLLATE "C") > (old.tier_at, old.tier COLLATE "C")
        THEN excluded.tier ELSE old.tier END,
    tier_at = greatest(old.tier_at, excluded.tier_at),
    turns = old.turns + excluded.turns
"""

_USERS: Final = f"""
INSERT INTO audit.users AS old
    (service, user_id, first_seen, last_seen, signed_up_at, tier, tier_at, turns)
SELECT service, id, first_seen, last_seen, signed_up_at, tier, tier_at, turns FROM ({_NEW}) AS new
ON CONFLICT (service, user_id) DO UPDATE SET
    signed_up_at = least(old.signed_up_at, excluded.signed_up_at), {_SHARED}
"""

_SESSIONS: Final = f"""
INSERT INTO audit.sessions AS old
    (service, session_id, user_id, user_at, first_seen, last_seen, tier, tier_at, turns, agents)
SELECT service, id, user_id, user_at, first_seen, last_seen, tier, tier_at, turns, agents FROM ({_NEW}) AS new
ON CONFLICT (service, session_id) DO UPDATE SET
    user_id = CASE WHEN old.user_at IS NULL
            OR (excluded.user_at, excluded.user_id COLLATE "C") < (old.user_at, old.user_id COLLATE "C")
        THEN excluded.user_id ELSE old.user_id END,
    user_at = least(old.user_at, excluded.user_at),
    agents = CASE WHEN old.agents @> excluded.agents THEN old.agents ELSE (ARRAY(
        SELECT DISTINCT agent COLLATE "C" FROM unnest(old.agents || excluded.agents) AS agent ORDER BY 1
    ))[1:{MAX_AGENTS}] END, {_SHARED}
"""

# Only the number of turns changed: the times are for a row that doesn't exist yet.
_COUNT_USERS: Final = f"""
INSERT INTO audit.users AS old (service, user_id, first_seen, last_seen, turns)
SELECT service, id, started_at, started_at, turns FROM ({_NEW}) AS new
ON CONFLICT (service, user_id) DO UPDATE SET turns = old.turns + excluded.turns
"""

_COUNT_SESSIONS: Final = f"""
INSERT INTO audit.sessions AS old (service, session_id, first_seen, last_seen, turns)
SELECT service, id, started_at, started_at, turns FROM ({_NEW}) AS new
ON CONFLICT (service, session_id) DO UPDATE SET turns = old.turns + excluded.turns
"""
