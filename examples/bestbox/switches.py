"""Switches that only BestBox has, besides those that all examples share."""

from examples.common.faults import FAULTS

OWN = {
    "slow_first_token": "the first token takes 2.5 s longer",
    "llm_down": "the model server is stopped",
    "busy_office": "ten concurrent users, though the model server was built for eight",
}
FAULTS.update(OWN)  # what `Faults` knows by name

ALL = (
    *("model_errors", "slow_model", "slow_first_token", "llm_down", "tool_errors", "slow_tools", "slow_search"),
    *("http_errors", "slow_http", "down", "traffic_drop", "busy_office", "session_flood"),
    *("negative_feedback", "memory_pressure"),
)
