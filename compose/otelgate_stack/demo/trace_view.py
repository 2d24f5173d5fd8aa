"""A trace as an indented tree of lines, with what matters for agents: models, tools, tokens, first token, errors."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from otelgate.names import (
    GEN_AI_AGENT_NAME,
    GEN_AI_OPERATION_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_TOOL_NAME,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    OPENINFERENCE_SPAN_KIND,
)

from ..clients.spans import Span

Style = Callable[..., str]

# Canonical names first, then OpenInference's (see names.py of the SDK for those it sets itself).
_KINDS = {"AGENT": "agent", "LLM": "model", "TOOL": "tool", "RETRIEVER": "retriever", "EMBEDDING": "embeddings"}
_OPERATIONS = {
    "invoke_agent": "agent",
    "chat": "model",
    "execute_tool": "tool",
    "retrieval": "retriever",
    "embeddings": "embeddings",
}


def tree(spans: Sequence[Span]) -> list[tuple[str, Span]]:
    """Each span after its parent, earliest first, with the prefix that draws its branch.

    A span whose parent isn't among them is at the top.
    """
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_ns):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    return list(_walk(children, "", ""))


def _walk(children: Mapping[str, Sequence[Span]], parent_id: str, indent: str) -> Iterator[tuple[str, Span]]:
    siblings = children.get(parent_id, ())
    for span in siblings:
        last = span is siblings[-1]
        branch, below = ("", "") if not parent_id else ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield indent + branch, span
        yield from _walk(children, span.span_id, indent + below)


def lines(spans: Sequence[Span], style: Style) -> list[str]:
    """The tree as text: name, duration, and for agents, models and tools what they are. `style` colours a part."""
    rows = tree(spans)
    width = max((len(prefix + span.name) for prefix, span in rows), default=0)
    return [_line(prefix, span, width, style) for prefix, span in rows]


def _line(prefix: str, span: Span, width: int, style: Style) -> str:
    gap = " " * (width - len(prefix + span.name))
    name = style(span.name, "red") if span.status == "error" else span.name
    text = f"{prefix}{name}{gap}  {milliseconds(span.duration_s):>9}"
    if detail := ", ".join(_details(span)):
        text += "  " + style(detail, "dim")
    if span.status == "error":
        text += "  " + style(f"✘ {span.status_message or 'error'}".splitlines()[0][:80], "red")
    return text


def _details(span: Span) -> Iterator[str]:
    kind = kind_of(span)
    if kind == "model":
        yield f"model {_first(span, GEN_AI_REQUEST_MODEL, 'llm.model_name') or '?'}"
        sent = _first(span, GEN_AI_USAGE_INPUT_TOKENS, "llm.token_count.prompt")
        received = _first(span, GEN_AI_USAGE_OUTPUT_TOKENS, "llm.token_count.completion")
        if sent is not None and received is not None:
            yield f"{sent} tokens in, {received} out"
        if (first := time_to_first_token(span)) is not None:
            yield f"first token after {milliseconds(first)}"
    elif kind == "tool":
        yield f"tool {_first(span, GEN_AI_TOOL_NAME, 'tool.name') or span.name}"
    elif kind == "agent":
        yield f"agent {_first(span, GEN_AI_AGENT_NAME) or span.name}"
    elif kind:
        yield kind


def kind_of(span: Span) -> str:
    """agent, model, tool, retriever, embeddings, or "" for anything else."""
    operation = _OPERATIONS.get(str(_first(span, GEN_AI_OPERATION_NAME)))
    return operation or _KINDS.get(str(_first(span, OPENINFERENCE_SPAN_KIND)), "")


def time_to_first_token(span: Span) -> float | None:
    """Seconds from the call to the first token of the answer; None where the call didn't stream."""
    value = _first(span, GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK)
    return None if value is None else float(value)


def milliseconds(seconds: float) -> str:
    """0.0314 -> "31.4 ms", 2.5 -> "2500 ms"."""
    value = seconds * 1e3
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def _first(span: Span, *names: str) -> Any:
    return next((span.attributes[name] for name in names if name in span.attributes), None)
