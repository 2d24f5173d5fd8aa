"""Records for the tests of the audit sink, with defaults for what a test doesn't care about."""

from typing import Any

from otelgate_audit.model.records import Batch, Event, Feedback, ModelCall, Record, Run, Score, Text, ToolCall

TRACE = "0af7651916cd43dd8448eb211c80319c"
CHAIN_KEY = bytes(range(32))
DAY = 86_400_000_000
NOW = 1_795_200_000_000_000  # 2026-11-20T18:40:00Z
SPAN = {
    "trace_id": TRACE,
    "parent_span_id": None,
    "service": "travel",
    "environment": "production",
    "agent": None,
    "session_id": None,
    "user_id": None,
    "tier": None,
    "feature": None,
    "duration_us": 1000,
    "status": "ok",
    "cancelled": False,
    "error_type": None,
    "duplicate_of": None,
}
EVENT = {"trace_id": TRACE, "service": "travel", "environment": "production", "session_id": None, "user_id": None}


def run(span_id: str, start: int = NOW, **given: Any) -> Run:
    return Run(**{**SPAN, "operation": "invoke_agent", "received_at": NOW} | given, span_id=span_id, start_time=start)


def model_call(span_id: str, start: int = NOW, **given: Any) -> ModelCall:
    call = {
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4.1-mini",
        "response_model": "gpt-4.1-mini-2025-04-14",
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_tokens": None,
        "cache_creation_tokens": None,
        "reasoning_tokens": None,
        "time_to_first_chunk_us": None,
        "cost_pico": 72_000_000,
        "cost_status": "priced",
        "price_version": "2026-11-01",
        "finish_reason": "stop",
        "received_at": NOW,
    }
    return ModelCall(
        **{**SPAN, "parent_span_id": "00f067aa0ba902b7", **call} | given, span_id=span_id, start_time=start
    )


def tool_call(span_id: str, start: int = NOW, **given: Any) -> ToolCall:
    call = {"tool": "search_flights", "call_id": None}
    return ToolCall(**{**SPAN, **call} | given, span_id=span_id, start_time=start)


def feedback(uid: str, start: int = NOW, **given: Any) -> Feedback:
    return Feedback(**{**EVENT, "rating": "positive", "score": None} | given, uid=uid, start_time=start)


def score(uid: str, start: int = NOW, **given: Any) -> Score:
    return Score(**{**EVENT, "name": "confidence", "value": 0.5, "label": None} | given, uid=uid, start_time=start)


def event(uid: str, start: int = NOW, **given: Any) -> Event:
    fields = {"tier": None, "name": "query.done", "value": None, "unit": None, "attributes": "{}"}
    return Event(**{**EVENT, **fields} | given, uid=uid, start_time=start)


def words(record: Record, question: str | None = None, reply: str | None = None) -> tuple[Record, Text]:
    name = record.span_id if hasattr(record, "span_id") else record.uid
    return record, Text(record.start_time, record.trace_id or "", name, question, reply, None)


def batch(*items: Record | tuple[Record, Text | None]) -> Batch:
    """A batch of records, with or without their words."""
    made = Batch()
    lists: dict[type, list[Any]] = {
        Run: made.runs,
        ModelCall: made.model_calls,
        ToolCall: made.tool_calls,
        Feedback: made.feedback,
        Score: made.scores,
        Event: made.events,
    }
    for item in items:
        record, text = item if type(item) is tuple else (item, None)
        lists[type(record)].append(record)
        if text is not None:
            made.texts[text[:3]] = text
    return made
