"""The cost of a call, for the history: as the gateway prices it, from the same table, for models named by their id.

The gateway knows far more (aliases, dates, tiers of service); live, it alone decides. A test compares both.
"""

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

from otelgate.names import GEN_AI_USAGE_CACHE_READ, GEN_AI_USAGE_INPUT_TOKENS, GEN_AI_USAGE_OUTPUT_TOKENS

ROOT = Path(__file__).resolve().parents[2]


class Price(NamedTuple):
    """`usd` is None if there is no price; `status` as in `otelgate.cost.status`."""

    usd: float | None
    status: str
    version: str


def price(provider: str, model: str, attributes: dict[str, Any]) -> Price:
    """Of a call with these `gen_ai.usage.*` attributes."""
    tokens, version = attributes.get(GEN_AI_USAGE_INPUT_TOKENS), _version()
    if provider in _free_providers():
        return Price(0.0, "priced", version)
    prices = _models().get((provider, model))
    if prices is None:
        return Price(None, "unpriced", version)
    if tokens is None:
        return Price(None, "no_tokens", version)
    cached = attributes.get(GEN_AI_USAGE_CACHE_READ, 0)
    output = attributes.get(GEN_AI_USAGE_OUTPUT_TOKENS, 0)
    rate = {key: _rate(value, tokens) for key, value in prices.items() if key.endswith("_mtok")}
    micro = (tokens - cached) * rate["input_mtok"] + output * rate.get("output_mtok", 0.0)
    micro += cached * rate.get("cache_read_mtok", rate["input_mtok"])
    return Price(micro / 1e6, "priced", version)


def _rate(price_of: Any, tokens: int) -> float:
    """A price, or the one of the tier that a prompt of so many tokens is in."""
    if isinstance(price_of, int | float):
        return float(price_of)
    tiers = [tier["price"] for tier in price_of["tiers"] if tokens > tier["start"]]
    return float(tiers[-1] if tiers else price_of["base"])


@functools.cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "collector" / "prices.json").read_text())
    return found


@functools.cache
def _models() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (provider["id"], model["id"]): model["prices"]
        for provider in _table()["providers"]
        for model in provider["models"]
        if isinstance(model.get("prices"), dict)
    }


@functools.cache
def _free_providers() -> frozenset[str]:
    return frozenset(json.loads((ROOT / "collector" / "pricing" / "rules.json").read_text())["free_providers"])


@functools.cache
def _version() -> str:
    source = _table()["source"]
    return f"{source['package']}/{source['version']}"
