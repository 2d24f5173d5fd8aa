"""The SDK of otelgate, the telemetry gateway for LLM agents.

Without code: `opentelemetry-instrument python agent.py`. With code: `otelgate.init()`. Nothing here raises into the
application or blocks it when the gateway is away.
"""

from ._api import flush, init, shutdown
from ._context import agent, current_trace_id, session
from ._events import event, feedback, score
from ._feedback_token import feedback_token
from ._version import __version__

__all__ = [
    "__version__",
    "agent",
    "current_trace_id",
    "event",
    "feedback",
    "feedback_token",
    "flush",
    "init",
    "score",
    "session",
    "shutdown",
]
