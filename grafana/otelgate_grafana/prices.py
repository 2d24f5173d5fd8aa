"""Prices of some models from collector/prices.json, as rows for SQL: what a call would have cost with another model.

Standard prices only: none for batches, priority or hours of the day.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

_FILE: Final = Path(__file__).resolve().parents[2] / "collector/prices.json"
_KINDS: Final = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")

MODELS: Final = {
    "claude-haiku-4-5": "anthropic",
    "claude-sonnet-4-5": "anthropic",
    "claude-opus-4-5": "anthropic",
    "claude-haiku-5-5": "anthropic",
    "claude-sonnet-5-5": "anthropic",
    "claude-opus-5-5": "anthropic",
    "gpt-4o-mini": "openai",
    "gpt-4o": "openai",
    "gpt-5-mini": "openai",
    "gpt-5": "openai",
    "gpt-6-luna": "openai",
    "gemini-2.5-flash": "google",
    "gemini-2.5-pro": "google",
}
"""Model -> its provider. The first one is chosen when the dashboard opens."""


class Price(NamedTuple):
    """USD per million tokens, for calls with more than `above` and at most `up_to` input tokens."""

    above: int
    up_to: int | None
    input: float
    cache_read: float
    cache_write: float
    output: float


def of(model: str) -> list[Price]:
    """Current prices, by size of the call. Raises LookupError if the price list has no such model."""
    found = _standard(model)
    steps = sorted(
        {0, *(tier["start"] for price in found.values() if isinstance(price, dict) for tier in price["tiers"])}
    )
    rows = []
    for start, following in zip(steps, [*steps[1:], None], strict=True):
        plain, read, write, output = (_rate(found.get(kind, found["input_mtok"]), start) for kind in _KINDS)
        rows.append(Price(start if start else -1, following, plain, read, write, output))
    return rows


def values() -> str:
    """The rows of SQL's VALUES: model, above, up_to, input, cache_read, cache_write, output."""
    return ",\n".join(f"({', '.join(_literals(model, price))})" for model in MODELS for price in of(model))


def _literals(model: str, price: Price) -> Iterator[str]:
    yield f"'{model}'"
    for number in price:
        yield "NULL::bigint" if number is None else f"{number:g}"


def _standard(model: str) -> dict[str, Any]:
    prices = next((entry["prices"] for entry in _models(MODELS[model]) if entry["id"] == model), None)
    if prices is None:
        raise LookupError(f"{model}: expected a model of {MODELS[model]} in {_FILE.name}")
    if isinstance(prices, list):
        date = _book()["source"]["date"]
        begun = [entry for entry in prices if entry.get("constraint", {}).get("start_date", "") <= date]
        prices = begun[-1]["prices"]
    found: dict[str, Any] = prices
    return found


def _rate(price: float | dict[str, Any], start: int) -> float:
    """`start`: where a step of the call's size begins."""
    if not isinstance(price, dict):
        return price
    reached = [tier["price"] for tier in price["tiers"] if tier["start"] <= start]
    return float(reached[-1] if reached else price["base"])


def _models(provider: str) -> list[dict[str, Any]]:
    return next(entry["models"] for entry in _book()["providers"] if entry["id"] == provider)


@cache
def _book() -> dict[str, Any]:
    book: dict[str, Any] = json.loads(_FILE.read_text())
    return book
