"""The audit store's records of a few runs, as lines, and a check that no other store has their content."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..clients import LogLine
from ..clients.audit_store import Row
from ..clients.spans import Span
from .trace_view import milliseconds

Style = Callable[..., str]
LONGEST = 100


def lines(row: Row, tools: Sequence[Row], style: Style) -> Iterator[str]:
    """One turn: what was asked, what was answered, and what it took."""
    yield f"{style('Q', 'bold')} {_short(row['user_message']) or '(no content)'}"
    yield f"{style('A', 'bold')} {_short(row['reply']) or '(no content)'}"
    yield "  " + style(", ".join(_details(row, tools)), "dim")


def as_json(row: Row, tools: Sequence[Row]) -> dict[str, Any]:
    """The same for scripts; times in seconds."""
    wanted = ("trace_id", "service", "agent", "session_id", "user_id", "tier", "status", "cancelled")
    counts = ("runs", "model_calls", "tool_calls", "tool_errors", "input_tokens", "output_tokens")
    return {
        **{name: row[name] for name in (*wanted, "rating", "models", *counts)},
        "question": row["user_message"],
        "reply": row["reply"],
        "cost_usd": float(row["cost_usd"]),
        "latency_s": _seconds(row["latency_us"]),
        "time_to_first_token_s": _seconds(row["ttft_us"]),
        "tools": [{name: tool[name] for name in ("tool", "status", "arguments", "result")} for tool in tools],
    }


def leaks(words: Sequence[str], spans: Sequence[Span], log: Sequence[LogLine]) -> list[str]:
    """The stores that have any of these words: `traces` and `logs`."""
    told = [str((span.attributes, [event.attributes for event in span.events])) for span in spans]
    said = [f"{line.line} {line.metadata}" for line in log]
    places: Mapping[str, list[str]] = {"traces": told, "logs": said}
    return [name for name, texts in places.items() if any(word in text for word in words if word for text in texts)]


def _details(row: Row, tools: Sequence[Row]) -> Iterator[str]:
    yield f"{row['user_id']} ({row['tier']})"
    yield f"agent {row['agent']}"
    if tools:
        calls = Counter((tool["tool"], tool["status"] == "error") for tool in tools)
        yield "tools " + " ".join(
            name + (f" {number} times" if number > 1 else "") + (" ✘" if failed else "")
            for (name, failed), number in calls.items()
        )
    yield f"{row['input_tokens']} tokens in, {row['output_tokens']} out"
    yield f"{row['cost_usd']:.6f} USD"
    if row["ttft_us"] is not None:
        yield f"first token after {milliseconds(row['ttft_us'] / 1e6)}"
    if row["latency_us"] is not None:
        ended = "cancelled" if row["cancelled"] else row["status"]
        yield f"{ended} after {milliseconds(row['latency_us'] / 1e6)}"
    if row["rating"]:
        yield f"rated {row['rating']}"


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6


def _short(text: str | None) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= LONGEST else flat[:LONGEST] + "…"
