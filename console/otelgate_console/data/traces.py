"""A trace from Tempo or Jaeger as a tree, and its log lines from Loki."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otelgate_stack.clients import LogLine, Loki, Span, StoreError, TraceStore


@dataclass(frozen=True)
class Bar:
    """A span in a waterfall: its depth in the tree, and where it lies in percent of the whole."""

    span: Span
    depth: int
    left: float
    width: float


def bars(store: TraceStore, trace_id: str) -> list[Bar]:
    """The spans of a trace, each under its parent; empty if the store has it not. Raises StoreError."""
    return waterfall(store.trace(trace_id))


def waterfall(spans: Sequence[Span]) -> list[Bar]:
    """Where each span lies. A span without its parent counts as a root; a circle is broken at its earliest span."""
    if not spans:
        return []
    first, last = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    whole = max(last - first, 1)
    return [
        Bar(span, depth, (span.start_ns - first) / whole * 100, (span.end_ns - span.start_ns) / whole * 100)
        for span, depth in _in_order(spans)
    ]


def _in_order(spans: Sequence[Span]) -> Iterator[tuple[Span, int]]:
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in ordered:
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    seen = set[str]()
    waiting = [(span, 0) for span in reversed(children.get("", []))]
    rest = iter(ordered)
    while True:
        while waiting:
            span, depth = waiting.pop()
            if span.span_id not in seen:
                seen.add(span.span_id)
                yield span, depth
                waiting += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]
        left = next((span for span in rest if span.span_id not in seen), None)
        if left is None:
            return
        waiting.append((left, 0))


def lines(loki: Loki, trace_id: str, start_ns: int, end_ns: int, limit: int = 500) -> list[LogLine]:
    """The log lines of a trace, oldest first. Raises StoreError, ValueError for what is no trace id."""
    if not (trace_id.isascii() and trace_id.isalnum()):
        raise ValueError(f"trace id {trace_id!r}: expected hexadecimal digits")
    query = f'{{service_name=~".+"}} | trace_id={json.dumps(trace_id)}'
    return loki.query_range(query, start_ns, end_ns, limit)


__all__ = ["Bar", "LogLine", "StoreError", "bars", "lines", "waterfall"]
