"""LogQL: log lines, the newest first, or numbers over them."""

from typing import Any

from otelgate_stack.clients import Store

from .dashboards import Query
from .frames import Column, Frame
from .prometheus import from_result
from .window import Window

_LINES = 200
# With this header Loki keeps stream labels and structured metadata apart.
_HEADERS = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}


def ask(store: Store, query: Query, text: str, window: Window) -> list[Frame]:
    """The frames of a query. Raises StoreError."""
    limit = query.options.get("maxLines", _LINES)
    start, end = round(window.start * 1e9), round(window.end * 1e9)
    parameters: dict[str, str | float] = {"query": text, "limit": limit}
    if query.options.get("queryType") == "instant":
        answer = store.get("/loki/api/v1/query", {**parameters, "time": end}, _HEADERS)
    else:
        range_ = {"start": start, "end": end, "step": window.interval}
        answer = store.get("/loki/api/v1/query_range", {**parameters, **range_}, _HEADERS)
    data = answer.json()["data"]
    if data["resultType"] != "streams":
        return from_result(data, query.options.get("legendFormat", ""))
    return [_lines(data["result"])]


def _lines(streams: list[dict[str, Any]]) -> Frame:
    rows = sorted(
        (
            (int(when) / 1e6, line, {**stream["stream"], **(extra[0] if extra else {}).get("structuredMetadata", {})})
            for stream in streams
            for when, line, *extra in stream["values"]
        ),
        key=lambda row: -row[0],
    )
    columns = (
        Column("time", "time", [row[0] for row in rows]),
        Column("line", "text", [row[1] for row in rows]),
        Column("labels", "labels", [row[2] for row in rows]),
    )
    return Frame(columns, role="lines")
