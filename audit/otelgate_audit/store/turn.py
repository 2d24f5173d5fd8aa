"""A turn: one trace in which an agent ran or a model was called, as one row, the same for any order of arrival.

Every field is a minimum, a maximum or a sum over the trace's records. `marks` has the keys of these minima and maxima,
so that a later record can be merged; they are stored in the column `state`, without ids of people.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ..model.records import Event, Feedback, ModelCall, Record, Run, Score, Text, ToolCall
from .marks import Marks, first_seen, in_order

RELEVANCE: Final = ("retrieval.relevance", "relevance")
CONFIDENCE: Final = "confidence"

# The leading span: an agent's run before a workflow before a framework's chain before single calls; duplicates last.
_RANKS: Final = {"invoke_agent": 0, "invoke_workflow": 1, "chain": 2}
_CALL: Final = 3
_DUPLICATE: Final = 4


@dataclass(slots=True)
class Turn:
    """A row of audit.turns. Times in microseconds since 1970, the cost in pico-dollars.

    `question` is the question's text if a record merged just now has it; the stored row has only its keyed hash.
    """

    trace_id: str
    started_at: int
    ended_at: int
    arrived_at: int
    updated_at: int
    service: str = ""
    environment: str | None = None
    agent: str | None = None
    route: list[str] = field(default_factory=list)
    session_id: str | None = None
    user_id: str | None = None
    tier: str | None = None
    feature: str | None = None
    status: str | None = None
    cancelled: bool = False
    error_type: str | None = None
    latency_us: int | None = None
    ttft_us: int | None = None
    runs: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    tool_errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0
    cost_pico: int = 0
    unpriced_calls: int = 0
    price_version: str | None = None
    models: list[str] = field(default_factory=list)
    confidence: float | None = None
    relevance: float | None = None
    rating: str | None = None
    rating_score: int | None = None
    question_hash: bytes | None = None
    asked_start: int | None = None
    asked_record: str | None = None
    replied_start: int | None = None
    replied_record: str | None = None
    marks: Marks = field(default_factory=Marks)
    question: str | None = None

    @property
    def state(self) -> dict[str, Any]:
        """`marks` as stored in the row's JSON."""
        return self.marks.dump(self.route, self.models)

    def restore(self, state: dict[str, Any]) -> None:
        """Read `marks` from a row's `state`; the other columns are already set."""
        named = {
            "session": self.session_id is not None,
            "user": self.user_id is not None,
            "tier": self.tier is not None,
            "feature": self.feature is not None,
        }
        self.marks = Marks.load(state, named, self.route, self.models)

    def add(self, record: Record, text: Text | None) -> None:
        """Merge one record, in place. Merge each record once; votes and scores may be repeated."""
        kind = type(record)
        if kind is ModelCall:
            self._add_model_call(record, text)  # type: ignore[arg-type]
        elif kind is Run:
            self._add_run(record, text)  # type: ignore[arg-type]
        elif kind is ToolCall:
            self._add_tool_call(record)  # type: ignore[arg-type]
        elif kind is Feedback:
            self._add_vote(record)  # type: ignore[arg-type]
        elif kind is Score:
            self._add_score(record)  # type: ignore[arg-type]

    def _add_run(self, run: Run, text: Text | None) -> None:
        rank = _RANKS.get(run.operation, 2)
        if run.duplicate_of is None:
            self.runs += 1
        else:
            rank += _DUPLICATE
        if self._add_span(run, rank, 0):
            self.status, self.cancelled = run.status, run.cancelled
            self.error_type, self.latency_us = run.error_type, run.duration_us
        if text is not None:
            self._add_words(run, rank, text)

    def _add_model_call(self, call: ModelCall, text: Text | None) -> None:
        rank = _CALL
        if call.duplicate_of is None:
            self.model_calls += 1
            self.input_tokens += call.input_tokens or 0
            self.output_tokens += call.output_tokens or 0
            self.cache_read_tokens += call.cache_read_tokens or 0
            self.cache_creation_tokens += call.cache_creation_tokens or 0
            self.reasoning_tokens += call.reasoning_tokens or 0
            if call.cost_pico is not None:
                self.cost_pico += call.cost_pico
            elif not _failed_before_tokens(call):
                self.unpriced_calls += 1
        else:
            rank += _DUPLICATE
        if self._add_span(call, rank, 0):
            whole = call.parent_span_id is None
            self.status = call.status if whole else None
            self.cancelled = whole and call.cancelled
            self.error_type = call.error_type if whole else None
            self.latency_us = call.duration_us if whole else None
        marks, start = self.marks, call.start_time
        model = call.response_model or call.request_model
        if model is not None and first_seen(marks.models, model, start):
            self.models = in_order(marks.models)
        if call.price_version is not None:
            price = (start, call.span_id)
            if marks.price is None or price > marks.price:
                marks.price, self.price_version = price, call.price_version
        if call.time_to_first_chunk_us is not None:
            chunk = (start, call.span_id, start + call.time_to_first_chunk_us)
            if marks.chunk is None or chunk < marks.chunk:
                marks.chunk = chunk
                self._time_first_chunk()
        if text is not None and call.operation != "embeddings":
            self._add_words(call, rank, text)

    def _add_tool_call(self, call: ToolCall) -> None:
        rank = _CALL
        if call.duplicate_of is None:
            self.tool_calls += 1
            if call.status == "error":
                self.tool_errors += 1
        else:
            rank += _DUPLICATE
        if self._add_span(call, rank, 1):
            self.status = self.error_type = self.latency_us = None
            self.cancelled = False

    def _add_span(self, span: Run | ModelCall | ToolCall, rank: int, tool: int) -> bool:
        """Merge the fields that all spans have. Returns whether this one leads now."""
        marks, start = self.marks, span.start_time
        mark = (rank, start, span.span_id, tool)
        self.ended_at = max(self.ended_at, start + span.duration_us)
        if span.session_id is not None and (marks.session is None or mark < marks.session):
            marks.session, self.session_id = mark, span.session_id
        if span.user_id is not None and (marks.user is None or mark < marks.user):
            marks.user, self.user_id = mark, span.user_id
        if span.tier is not None and (marks.tier is None or mark < marks.tier):
            marks.tier, self.tier = mark, span.tier
        if span.feature is not None and (marks.feature is None or mark < marks.feature):
            marks.feature, self.feature = mark, span.feature
        if span.agent is not None and first_seen(marks.agents, span.agent, start):
            self.route = in_order(marks.agents)
        if marks.lead is not None and mark > marks.lead:
            return False
        marks.lead, self.started_at = mark, start
        self.service, self.environment, self.agent = span.service, span.environment, span.agent
        self._time_first_chunk()
        return True

    def _time_first_chunk(self) -> None:
        if self.marks.chunk is not None:
            self.ttft_us = max(0, self.marks.chunk[2] - self.started_at)

    def _add_words(self, record: Run | ModelCall, rank: int, text: Text) -> None:
        marks, start = self.marks, record.start_time
        if text.input is not None:
            asked = (start, rank, record.span_id)
            if marks.asked is None or asked < marks.asked:
                marks.asked, self.asked_start, self.asked_record = asked, start, record.span_id
                self.question, self.question_hash = text.input, None
        if text.output is not None:
            replied = (start + record.duration_us, -rank, start, record.span_id)
            if marks.replied is None or replied > marks.replied:
                marks.replied, self.replied_start, self.replied_record = replied, start, record.span_id

    def _add_vote(self, vote: Feedback) -> None:
        mark = (vote.start_time, vote.uid)
        if self.marks.vote is None or mark > self.marks.vote:
            self.marks.vote, self.rating, self.rating_score = mark, vote.rating, vote.score

    def _add_score(self, score: Score) -> None:
        mark = (score.start_time, score.uid)
        if score.value is None:
            return
        if score.name == CONFIDENCE and (self.marks.confidence is None or mark > self.marks.confidence):
            self.marks.confidence, self.confidence = mark, score.value
        elif score.name in RELEVANCE and (self.marks.relevance is None or mark > self.marks.relevance):
            self.marks.relevance, self.relevance = mark, score.value


def _failed_before_tokens(call: ModelCall) -> bool:
    """Whether it failed before a token: refused (429), or never answered."""
    return call.status == "error" and not call.input_tokens and not call.output_tokens


def begin(span: Run | ModelCall | ToolCall, now_us: int) -> Turn:
    """The row of a new trace; the span itself must still be merged."""
    return Turn(span.trace_id, span.start_time, span.start_time, now_us, now_us)


def merge(turn: Turn | None, record: Record, text: Text | None, now_us: int) -> Turn:
    """The row with one more record; the argument is not changed. Merge each record once.

    Any order gives the same row except `arrived_at` and `updated_at`. A vote or a score does not start a row: raises
    ValueError if there is no turn yet.
    """
    if turn is None:
        if isinstance(record, Feedback | Score | Event):
            raise ValueError(f"{type(record).__name__} {record.uid}: expected a span before it")
        turn = begin(record, now_us)
    merged = copy.deepcopy(turn)
    merged.add(record, text)
    merged.updated_at = now_us
    return merged


def rebuild(records: Iterable[tuple[Record, Text | None]], now_us: int) -> Turn:
    """The row of a trace from all its records, in any order. Raises ValueError if no span is among them."""
    turn: Turn | None = None
    votes: list[Record] = []
    for record, text in records:
        if isinstance(record, Feedback | Score | Event):
            votes.append(record)
            continue
        turn = turn or begin(record, now_us)
        turn.add(record, text)
    if turn is None:
        raise ValueError("a turn's records: expected at least one span")
    for vote in votes:
        turn.add(vote, None)
    return turn


def question_key(chain_key: bytes) -> bytes:
    """The key of the questions' hashes, from the ledger's chain key."""
    return hmac.digest(chain_key, b"otelgate question", "sha256")


def question_hash(key: bytes, question: str) -> bytes:
    """Keyed hash, 16 bytes, of a question without its case, white space and punctuation: equal for repeated ones."""
    folded = " ".join(_WORDS.findall(question.casefold()))
    return hashlib.blake2b(folded.encode(), digest_size=16, key=key).digest()


_WORDS: Final = re.compile(r"\w+")
