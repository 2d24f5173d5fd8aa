"""The rows that OTLP records become: each class has its table's columns in the table's order.

Times are whole microseconds since 1970 (UTC), costs whole pico-dollars (10^-12 USD), so that equality and sums are
exact in any order of arrival. Ids are lower-case hexadecimal as in W3C Trace Context. If the gateway knows the sender's
application, its name follows in `trace_id` and `uid`, after an `@`, so that applications share no row. Text holds no
NUL and no lone surrogate, so PostgreSQL accepts it unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

PICO_PER_USD: Final = 10**12
MAX_PAYLOAD: Final = 64 * 1024
"""Bytes of a rejected record that are kept."""
UNKNOWN_SERVICE: Final = "unknown_service"
"""The conventions' word for a resource without `service.name`."""


class Run(NamedTuple):
    """A row of audit.runs: an agent's run, a workflow, or a framework's outer chain.

    `status` is ok or error. A `cancelled` run is ok: its caller ended it. The same holds for model and tool calls.
    """

    start_time: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    environment: str | None
    agent: str | None
    session_id: str | None
    user_id: str | None
    tier: str | None
    feature: str | None
    duration_us: int
    status: str
    cancelled: bool
    error_type: str | None
    duplicate_of: str | None
    operation: str
    received_at: int


class ModelCall(NamedTuple):
    """A row of audit.model_calls."""

    start_time: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    environment: str | None
    agent: str | None
    session_id: str | None
    user_id: str | None
    tier: str | None
    feature: str | None
    duration_us: int
    status: str
    cancelled: bool
    error_type: str | None
    duplicate_of: str | None
    operation: str
    provider: str | None
    request_model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    reasoning_tokens: int | None
    time_to_first_chunk_us: int | None
    cost_pico: int | None
    cost_status: str | None
    price_version: str | None
    finish_reason: str | None
    received_at: int | None
    """None: not set by the gateway."""


class ToolCall(NamedTuple):
    """A row of audit.tool_calls."""

    start_time: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    environment: str | None
    agent: str | None
    session_id: str | None
    user_id: str | None
    tier: str | None
    feature: str | None
    duration_us: int
    status: str
    cancelled: bool
    error_type: str | None
    duplicate_of: str | None
    tool: str
    call_id: str | None


class Feedback(NamedTuple):
    """A row of audit.feedback: a vote, `rating` positive, negative or None, `score` 1 to 5."""

    start_time: int
    uid: str
    trace_id: str | None
    service: str
    environment: str | None
    session_id: str | None
    user_id: str | None
    rating: str | None
    score: int | None


class Score(NamedTuple):
    """A row of audit.scores: the result of an evaluation."""

    start_time: int
    uid: str
    trace_id: str | None
    service: str
    environment: str | None
    session_id: str | None
    user_id: str | None
    name: str
    value: float | None
    label: str | None


class Event(NamedTuple):
    """A row of audit.events. `attributes` is JSON: an object of strings, keys sorted."""

    start_time: int
    uid: str
    trace_id: str | None
    service: str
    environment: str | None
    session_id: str | None
    user_id: str | None
    tier: str | None
    name: str
    value: float | None
    unit: str | None
    attributes: str


class Text(NamedTuple):
    """A row of content.texts; `record` is the span id or uid of the record that the content belongs to."""

    start_time: int
    trace_id: str
    record: str
    input: str | None
    output: str | None
    error_message: str | None


class Identity(NamedTuple):
    """The fields of a record that can't be stored, as far as they can be read."""

    trace_id: str | None = None
    record: str | None = None
    run: bool = False
    """The gateway counts it as an agent's run."""
    call: bool = False
    """The gateway counts it as a model call."""
    cost_pico: int | None = None
    received_at: int | None = None


class Reject(NamedTuple):
    """A row of content.rejects, but for the time of arrival."""

    signal: str
    service: str | None
    trace_id: str | None
    record: str | None
    run: bool
    reason: str
    size: int
    payload: bytes
    call: bool = False
    cost_pico: int | None = None
    received_at: int | None = None


Record = Run | ModelCall | ToolCall | Feedback | Score | Event

TABLES: Final[dict[type, str]] = {
    Run: "runs",
    ModelCall: "model_calls",
    ToolCall: "tool_calls",
    Feedback: "feedback",
    Score: "scores",
    Event: "events",
}
"""The table of each record, in schema `audit`; also the `kind` of its ledger entry."""


@dataclass(slots=True)
class Batch:
    """The contents of one or several requests: the records with their content, and the rejects.

    `texts` has at most one entry for each record. `ignored` counts other telemetry: HTTP and database spans, inner
    steps of a graph, ordinary log lines.
    """

    runs: list[Run] = field(default_factory=list)
    model_calls: list[ModelCall] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    texts: dict[tuple[int, str, str], Text] = field(default_factory=dict)
    """(start time, trace id or "", record) -> its content"""
    rejects: list[Reject] = field(default_factory=list)
    ignored: int = 0
