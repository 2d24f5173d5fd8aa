"""Sessions of people who are logged in, in memory: a restart logs everyone out."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .accounts import Account

_MOST: Final = 10_000


@dataclass
class Session:
    """One login. Times in seconds of `clock`."""

    account: Account
    csrf: str
    began: float
    seen: float


class Sessions:
    """All sessions, by the token in the browser's cookie. They last `whole_s` seconds, or `idle_s` unused."""

    def __init__(self, idle_s: float, whole_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_s, self._whole_s, self._clock = idle_s, whole_s, clock
        self._open: dict[str, Session] = {}

    def begin(self, account: Account) -> str:
        """A new session; its token."""
        now = self._clock()
        self._open = {token: each for token, each in self._open.items() if self._lasts(each, now)}
        while len(self._open) >= _MOST:
            self._open.pop(min(self._open, key=lambda token: self._open[token].seen))
        token = secrets.token_urlsafe(32)
        self._open[token] = Session(account, secrets.token_urlsafe(32), now, now)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token, if it still lasts; this is a use of it."""
        session, now = self._open.get(token), self._clock()
        if session is None or not self._lasts(session, now):
            self._open.pop(token, None)
            return None
        session.seen = now
        return session

    def end(self, token: str) -> None:
        """Log out."""
        self._open.pop(token, None)

    def _lasts(self, session: Session, now: float) -> bool:
        return now - session.seen < self._idle_s and now - session.began < self._whole_s
