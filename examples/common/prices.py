"""The cost of a call of the past, by the library from which the gateway's price list is made (`make prices`).

Live, the gateway alone decides; tests/collector/test_prices.py compares it with the library.
"""

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from genai_prices import Usage, calc_price
from otelgate.names import GEN_AI_USAGE_CACHE_READ, GEN_AI_USAGE_INPUT_TOKENS, GEN_AI_USAGE_OUTPUT_TOKENS

VERSION = f"genai-prices/{version('genai-prices')}"
_RULES = Path(__file__).resolve().parents[2] / "collector" / "pricing" / "rules.json"
_TOKENS = {
    "input_tokens": GEN_AI_USAGE_INPUT_TOKENS,
    "cache_read_tokens": GEN_AI_USAGE_CACHE_READ,
    "output_tokens": GEN_AI_USAGE_OUTPUT_TOKENS,
}


class Price(NamedTuple):
    """`usd` is None if there is no price; `status` as in `otelgate.cost.status`."""

    usd: float | None
    status: str


def price(provider: str, model: str, at: float, attributes: Mapping[str, Any]) -> Price:
    """The cost of a call with these `gen_ai.usage.*` attributes at a Unix time in seconds."""
    if provider in _free_providers():
        return Price(0.0, "priced")
    usage = Usage(**{name: attributes.get(attribute) for name, attribute in _TOKENS.items()})
    when = datetime.fromtimestamp(at, UTC)
    try:
        found = calc_price(usage, model, provider_id=provider, genai_request_timestamp=when)
    except LookupError:
        return Price(None, "unpriced")
    if usage.input_tokens is None:
        return Price(None, "no_tokens")
    return Price(float(found.total_price), "priced")


@functools.cache
def _free_providers() -> frozenset[str]:
    return frozenset(json.loads(_RULES.read_text())["free_providers"])
