"""Token counts and service tiers that LangChain reports and OpenInference omits; prices depend on them.

LangChain's packages count under their own names: `ephemeral_1h_input_tokens` is what Anthropic keeps for an hour and
then says 0 under `cache_creation`; `flex_cache_read` is what OpenAI read from its cache at the tier `flex`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import wrapt

from . import _guard, names

_TRACER: Final = "openinference.instrumentation.langchain._tracer"
_TIERS: Final = ("flex", "priority")
"""Tiers that LangChain puts before the names of counts."""
_LIFETIMES: Final = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def keep_details() -> None:
    """Let OpenInference's spans have them."""
    wrapt.wrap_function_wrapper(_TRACER, "_token_counts", _with_details)


def _with_details(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Iterator[tuple[str, Any]]:
    yield from wrapped(*args, **kwargs)
    yield from details(args[0] if args else kwargs.get("outputs"))


Details = tuple[tuple[str, Any], ...]
_NOTHING: Final[Details] = ()


@_guard.never_raises(_NOTHING)
def details(outputs: Any) -> Details:
    """Attributes of a model call, out of the outputs of its run as LangChain traces them."""
    generation = _first(outputs)
    if generation is None:
        return _NOTHING
    message = _mapping(_mapping(generation.get("message")).get("kwargs"))
    usage = _mapping(message.get("usage_metadata"))
    read = _mapping(usage.get("input_token_details"))
    written = _mapping(usage.get("output_token_details"))
    tier = next((tier for tier in _TIERS if tier in read or tier in written), None)
    prefixes = ("", f"{tier}_") if tier else ("",)

    def total(counts: Mapping[str, Any], name: str) -> int:
        return sum(counts.get(prefix + name) or 0 for prefix in prefixes)

    found: dict[str, Any] = {
        names.LLM_CACHE_READ: total(read, "cache_read"),
        names.LLM_CACHE_WRITE: total(read, "cache_creation") + sum(read.get(name) or 0 for name in _LIFETIMES),
        names.OTELGATE_CACHE_WRITE_1H: read.get(_LIFETIMES[1]),
        names.LLM_REASONING: total(written, "reasoning"),
        names.OPENAI_SERVICE_TIER: _tier(outputs, generation, message) or tier,
    }
    return tuple((name, value) for name, value in found.items() if value)


def _tier(outputs: Any, generation: Mapping[str, Any], message: Mapping[str, Any]) -> str | None:
    """The tier that served the call, where the provider says so."""
    places = (message.get("response_metadata"), generation.get("generation_info"), outputs.get("llm_output"))
    told = (_mapping(place).get("service_tier") for place in places)
    return next((tier for tier in told if isinstance(tier, str) and tier), None)


def _first(outputs: Any) -> Mapping[str, Any] | None:
    try:
        generation = outputs["generations"][0][0]
    except (KeyError, IndexError, TypeError):
        return None
    return generation if isinstance(generation, Mapping) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
