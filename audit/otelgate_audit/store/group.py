"""The contents of one transaction: the records of several requests, each once, and the rejects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from ..model import clock
from ..model.clock import DAY_US
from ..model.records import (
    MAX_PAYLOAD,
    TABLES,
    Batch,
    Event,
    Feedback,
    ModelCall,
    Record,
    Reject,
    Run,
    Score,
    Text,
    ToolCall,
)

Item = tuple[Record, Text | None]
"""A record with its content."""

_AHEAD: Final = 2 * DAY_US  # the decoder allows one; a partition is created for any record accepted here
_REASON: Final = 500


@dataclass(slots=True)
class Group:
    """`items` by `key_of`; each reject has the meter's kind."""

    items: dict[tuple[Any, ...], Item] = field(default_factory=dict)
    rejects: list[tuple[str, Reject]] = field(default_factory=list)

    def add(self, batch: Batch, now_us: int, kept: Mapping[type, timedelta]) -> None:
        """Add a request's records. Those older than their table's retention, in `kept`, become rejects."""
        self.rejects += [(reject.signal, reject) for reject in batch.rejects]
        self._add(Run, batch.runs, batch, now_us, kept)
        self._add(ModelCall, batch.model_calls, batch, now_us, kept)
        self._add(ToolCall, batch.tool_calls, batch, now_us, kept)
        self._add(Feedback, batch.feedback, batch, now_us, kept)
        self._add(Score, batch.scores, batch, now_us, kept)
        self._add(Event, batch.events, batch, now_us, kept)

    def reject(self, item: Item, reason: str) -> None:
        """Add a reject for a record that the database refused, with its content."""
        self.rejects.append((TABLES[type(item[0])], _reject(item, reason)))

    def _add(
        self, kind: type, records: Iterable[Any], batch: Batch, now_us: int, kept: Mapping[type, timedelta]
    ) -> None:
        oldest = _before(now_us, kept[kind])
        latest = now_us + _AHEAD
        oldest_text = _before(now_us, kept[Text])
        span = kind in (Run, ModelCall, ToolCall)
        items, texts = self.items, batch.texts
        for record in records:
            start, name = record.start_time, record.span_id if span else record.uid
            if not oldest <= start < latest:
                self.rejects.append((TABLES[kind], _reject((record, None), _misplaced(record, oldest, kept[kind]))))
                continue
            text = texts.get((start, record.trace_id or "", name)) if texts and start >= oldest_text else None
            key = (kind, start, record.trace_id, name) if span else (kind, start, name)
            items.setdefault(key, (record, text))


def key_of(record: Record) -> tuple[Any, ...]:
    """A record's identity: its class, and the key of its table."""
    if isinstance(record, Run | ModelCall | ToolCall):
        return type(record), record.start_time, record.trace_id, record.span_id
    return type(record), record.start_time, record.uid


def counts(items: Iterable[Item]) -> Counter[str]:
    """The number of records of each table."""
    kinds = Counter(type(record) for record, _ in items)
    return Counter({TABLES[kind]: number for kind, number in kinds.items()})


def _reject(item: Item, reason: str) -> Reject:
    record, text = item
    span = isinstance(record, Run | ModelCall | ToolCall)
    # The received bytes are gone; the payload is the row instead, always as plain ASCII.
    payload = json.dumps({"kind": TABLES[type(record)], **record._asdict(), **_words(text)}).encode()
    return Reject(
        signal="traces" if span else "logs",
        service=plain(record.service),
        trace_id=plain(record.trace_id),
        record=plain(record.span_id if isinstance(record, Run | ModelCall | ToolCall) else record.uid),
        run=isinstance(record, Run) and record.operation == "invoke_agent" and record.duplicate_of is None,
        reason=plain(reason)[:_REASON],
        size=len(payload),
        payload=payload[:MAX_PAYLOAD],
        call=isinstance(record, ModelCall) and record.duplicate_of is None,
        cost_pico=record.cost_pico if isinstance(record, ModelCall) else None,
        received_at=record.received_at if isinstance(record, Run | ModelCall) else None,
    )


def _misplaced(record: Record, oldest: int, kept: timedelta) -> str:
    table, start = TABLES[type(record)], record.start_time
    if start >= oldest:
        return f"{table} at {start} µs since 1970: expected a time up to two days from now"
    return f"{table} of {clock.from_us(start):%Y-%m-%dT%H:%M:%SZ}: older than the {_days(kept)} kept"


def _words(text: Text | None) -> dict[str, Any]:
    return {} if text is None else {"input": text.input, "output": text.output, "error_message": text.error_message}


def plain(text: Any) -> Any:
    """Any text, made acceptable to PostgreSQL."""
    return text and str(text).encode(errors="replace").decode().replace("\0", "\ufffd")


def _before(now_us: int, kept: timedelta) -> int:
    return now_us - clock.length_us(kept)


def _days(kept: timedelta) -> str:
    return f"{kept // timedelta(days=1)} days" if kept % timedelta(days=1) == timedelta(0) else str(kept)
