"""The users: tiers, daily limits, and sessions. In memory, as small bots have it."""

import hashlib
import threading
from dataclasses import dataclass

LIMITS = {"free": 5, "basic": 25, "pro": None}
"""Questions a day; None: no limit."""
NEXT_TIER = {"free": "basic", "basic": "pro"}
SESSION_S = 1800.0
"""Silence after which a user's next message begins a new session."""


@dataclass
class Account:
    """One user; `user_id` is a pseudonym that telemetry may see."""

    user_id: str
    tier: str = "free"
    day: int = 0
    asked: int = 0
    sessions: int = 0
    last_seen: float = float("-inf")

    @property
    def session_id(self) -> str:
        return f"s-{self.user_id[2:]}-{self.sessions}"

    def may_ask(self, now: float) -> bool:
        """Whether the limit of today (UTC) leaves a question; it is then taken."""
        if (day := int(now // 86_400)) != self.day:
            self.day, self.asked = day, 0
        limit = LIMITS[self.tier]
        if limit is not None and self.asked >= limit:
            return False
        self.asked += 1
        return True

    def upgrade(self) -> tuple[str, str] | None:
        """To the next tier; (from, to), or None for those who have the most expensive."""
        before, after = self.tier, NEXT_TIER.get(self.tier)
        if after is None:
            return None
        self.tier = after
        return before, after

    def seen(self, now: float) -> None:
        if now - self.last_seen > SESSION_S:
            self.sessions += 1
        self.last_seen = now


class Accounts:
    """All accounts, by Telegram's number, which goes no further than this."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, Account] = {}

    def of(self, telegram_id: int) -> tuple[Account, bool]:
        """The account, and whether it is new."""
        with self._lock:
            new = telegram_id not in self._known
            if new:
                self._known[telegram_id] = Account(pseudonym(telegram_id))
            return self._known[telegram_id], new


def pseudonym(telegram_id: int) -> str:
    """An opaque id. A bot with real users would mix in a secret."""
    return "u-" + hashlib.sha256(f"estate-bot {telegram_id}".encode()).hexdigest()[:16]
