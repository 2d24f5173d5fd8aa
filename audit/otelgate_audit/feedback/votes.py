"""One vote per answer: a repeated vote is the same record, a changed one is a new record, and the newest wins."""

from __future__ import annotations

import hmac
import json
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from .body import Rating
from .tokens import Claims

REMEMBERED: Final = 20_000
"""Voters whose last vote is remembered; a few MB."""


@dataclass(frozen=True)
class Vote:
    """A vote with its identity. `time_ns`: since 1970; with `uid` it is the record's key in the store."""

    rating: Rating
    comment: str | None
    uid: str
    time_ns: int
    delivered: bool = False


class Votes:
    """The last vote of each voter. A voter is the person that the token names, for one trace.

    A repeated vote (a double click, a lost answer, a vote that the gateway did not accept) keeps its uid and its time.
    A comment on the same vote keeps the uid, by which the gateway counts it once, but has a new time, so that the
    store keeps it. Another rating has another uid, derived from the previous one: up, down, up are three.
    """

    def __init__(self, secret: bytes, limit: int = REMEMBERED) -> None:
        self._secret, self._limit = secret, limit
        self._last: OrderedDict[bytes, Vote] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, claims: Claims, rating: Rating, comment: str | None, now_ns: int) -> Vote:
        """This vote, or the last one if this repeats it."""
        voter = self.voter(claims)
        with self._lock:
            last = self._last.get(voter)
            if last is None:
                vote = Vote(rating, comment, self._uid(voter, rating, None), now_ns)
            elif last.rating == rating and comment in (None, last.comment):
                vote = last
            else:
                uid = last.uid if last.rating == rating else self._uid(voter, rating, last)
                # The newest has the largest time, even if the clock was set back; the store counts microseconds.
                vote = Vote(rating, comment, uid, max(now_ns, last.time_ns + 1000))
            self._last[voter] = vote
            self._last.move_to_end(voter)
            if len(self._last) > self._limit:
                self._last.popitem(last=False)
        return vote

    def delivered(self, claims: Claims, vote: Vote) -> None:
        """Note that the gateway has accepted the vote."""
        voter = self.voter(claims)
        with self._lock:
            if self._last.get(voter) == vote:
                self._last[voter] = replace(vote, delivered=True)

    def voter(self, claims: Claims) -> bytes:
        """Identifies the voter and the trace. It is keyed, so it does not reveal the voter."""
        return self._digest("voter", claims.trace_id, claims.svc, claims.sub, claims.sid)

    def _uid(self, voter: bytes, rating: Rating, last: Vote | None) -> str:
        digest = self._digest("uid", voter.hex(), rating.word, rating.points, last.uid if last else None)
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def _digest(self, *parts: str | int | None) -> bytes:
        return hmac.digest(self._secret, json.dumps(parts).encode(), "sha256")
