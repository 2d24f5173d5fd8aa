"""What LangChain's providers say of a call's tokens beyond what OpenInference reads: it decides what a call costs.

LangChain names details after their price: `flex_cache_read` and `priority_reasoning` are what other calls have as
`cache_read` and `reasoning`, and what Anthropic keeps in its cache for 5 minutes or an hour is not in `cache_creation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import wrapt

from . import _guard, _twins, names

_TRACER: Final = "openinference.instrumentation.langchain._tracer"
_TIERS: Final = ("flex", "priority")
_DETAILS: Final = (
    (names.GEN_AI_USAGE_CACHE_READ, "input_token_details", ("cache_read",)),
    (
        names.GEN_AI_USAGE_CACHE_CREATION,
        "input_token_details",
        ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"),
    ),
    (names.GEN_AI_USAGE_CACHE_CREATION_1H, "input_token_details", ("ephemeral_1h_input_tokens",)),
    (names.GEN_AI_USAGE_REASONING, "output_token_details", ("reasoning",)),
)


def complete_spans() -> None:
    """Put the details on each model call's span as it ends."""
    wrapt.wrap_function_wrapper(_TRACER, "_update_span", _update_span)


def _update_span(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    _twins.complete(args[0] if args else kwargs["span"])
    try:
        return wrapped(*args, **kwargs)
    finally:
        _complete(*args, **kwargs)


@_guard.never_raises(None)
def _complete(span: Any, run: Any) -> None:
    if run.run_type not in ("llm", "chat_model"):
        return
    message = _message(run.outputs)
    usage = message.get("usage_metadata") or {}
    for attribute, group, keys in _DETAILS:
        if counted := _sum(usage.get(group), keys):
            span.set_attribute(attribute, counted)
    if tier := (message.get("response_metadata") or {}).get("service_tier"):
        span.set_attribute(names.OPENAI_RESPONSE_SERVICE_TIER, str(tier))


def _message(outputs: Any) -> Mapping[str, Any]:
    """The fields of the first answer, as LangChain writes them down for tracers."""
    try:
        found = outputs["generations"][0][0]["message"]["kwargs"]
    except (KeyError, IndexError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _sum(details: Any, keys: tuple[str, ...]) -> int:
    if not isinstance(details, Mapping):
        return 0
    known = (*keys, *(f"{tier}_{key}" for tier in _TIERS for key in keys))
    return sum(count for key in known if isinstance(count := details.get(key), int))
