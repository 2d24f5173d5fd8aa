"""TraceQL: a table of traces."""

from otelgate_stack.clients import Store

from .dashboards import Query
from .frames import Column, Frame
from .window import Window


def ask(store: Store, query: Query, text: str, window: Window) -> list[Frame]:
    """The traces that a search finds, the newest first. Raises StoreError."""
    limit = query.options.get("limit", 20)
    parameters = {"q": text, "start": round(window.start), "end": round(window.end), "limit": limit}
    found = store.get("/api/search", parameters).json().get("traces") or []
    found.sort(key=lambda trace: -int(trace.get("startTimeUnixNano", 0)))
    columns = (
        Column("time", "time", [int(trace.get("startTimeUnixNano", 0)) / 1e6 for trace in found]),
        Column("trace_id", "text", [trace["traceID"] for trace in found]),
        Column("service", "text", [trace.get("rootServiceName") for trace in found]),
        Column("name", "text", [trace.get("rootTraceName") for trace in found]),
        Column("duration_ms", "number", [trace.get("durationMs") for trace in found]),
    )
    return [Frame(columns, role="traces")]
