"""Switches that only Execora has, besides those that all examples share."""

from examples.common.faults import FAULTS

OWN = {"slow_voice": "speech to text, and text to speech, take 10 times as long"}
FAULTS.update(OWN)  # what `Faults` knows by name

ALL = (
    *("websocket_drops", "voice_errors", "slow_voice", "queue_backlog", "payments_fail", "slow_database"),
    *("http_errors", "slow_http", "down", "model_errors", "slow_model", "cost_spike", "tool_errors"),
    *("traffic_drop", "session_flood", "negative_feedback"),
)
