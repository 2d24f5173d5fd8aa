"""Which sessions and messages there are, and who has voted on which."""

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass

_MOST = 20_000
"""Messages, and sessions, that are remembered; beyond it the oldest are forgotten."""


@dataclass
class Message:
    """One answer. `id` is what a vote names."""

    id: str
    user_id: str
    session_id: str
    trace_id: str | None
    rated: bool = False


class Desk:
    """From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()

    def opens(self, session_id: str) -> bool:
        """Whether this session begins now."""
        with self._lock:
            new = session_id not in self._sessions
            self._sessions[session_id] = None
            if len(self._sessions) > _MOST:
                self._sessions.popitem(last=False)
            return new

    def keep(self, user_id: str, session_id: str, trace_id: str | None) -> Message:
        message = Message(uuid.uuid4().hex, user_id, session_id, trace_id)
        with self._lock:
            self._messages[message.id] = message
            if len(self._messages) > _MOST:
                self._messages.popitem(last=False)
        return message

    def rate(self, message_id: str) -> tuple[Message | None, bool]:
        """The message, if there is one, and whether this is its first vote."""
        with self._lock:
            message = self._messages.get(message_id)
            if message is None or message.rated:
                return message, False
            message.rated = True
            return message, True
